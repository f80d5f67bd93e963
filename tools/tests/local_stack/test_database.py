"""The roles and the database of a service, made as an administrator would."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from delinkcious.testing.addresses import PostgresAddress
from delinkcious.testing.embedded import EmbeddedPostgres
from delinkcious.testing.running import running
from delinkcious.testing.waiting import free_port
from tools.local_stack.database import _make_role, prepare

pytestmark = pytest.mark.integration

PASSWORD = "its own"
SECRET = "correct horse battery staple"


@pytest.fixture(scope="module")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresAddress]:
    """A server of its own, as what is prepared here closes what other tests enter."""
    folder = tmp_path_factory.mktemp("postgres")
    server = EmbeddedPostgres(folder / "postgres", free_port(), "the administrator's")
    with running(server, folder / "postgres.log"):
        yield server.address


@pytest.fixture
def name() -> str:
    """The name of a database, and of its role; the owner's has a suffix."""
    return f"link_{uuid4().hex[:8]}"


@pytest.fixture
def environment(postgres_server: PostgresAddress, name: str, tmp_path: Path) -> dict[str, str]:
    passwords = {"own": PASSWORD, "owner": "the owner's", "admin": postgres_server.password}
    for file, password in passwords.items():
        (tmp_path / file).write_text(password)
    return {
        "LINK_DB_NAME": name,
        "LINK_DB_USER": name,
        "LINK_DB_PASSWORD_FILE": str(tmp_path / "own"),
        "LINK_DB_OWNER_USER": f"{name}_owner",
        "LINK_DB_OWNER_PASSWORD_FILE": str(tmp_path / "owner"),
        "LOCAL_POSTGRES_HOST": postgres_server.host,
        "LOCAL_POSTGRES_PORT": str(postgres_server.port),
        "LOCAL_POSTGRES_PASSWORD_FILE": str(tmp_path / "admin"),
    }


def execute(address: PostgresAddress, statement: str, *names: str) -> list[Any]:
    with psycopg.connect(**address.parameters(), autocommit=True) as connection:
        cursor = connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
        return cursor.fetchall() if cursor.description else []


def test_roles_and_a_database_are_made_and_made_again_with_new_passwords(
    environment: dict[str, str], postgres_server: PostgresAddress, name: str
) -> None:
    prepare(environment, "LINK_DB")
    Path(environment["LINK_DB_PASSWORD_FILE"]).write_text("changed")
    prepare(environment, "LINK_DB")
    service = replace(postgres_server, user=name, password="changed", name=name)
    assert execute(service, "SELECT current_user::text") == [(name,)]
    owner = (
        "SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = current_database()"
    )
    assert execute(service, owner) == [(f"{name}_owner",)]


@pytest.mark.parametrize("other", ["postgres", "template1"])
def test_the_service_enters_no_database_but_its_own(
    other: str, environment: dict[str, str], postgres_server: PostgresAddress, name: str
) -> None:
    prepare(environment, "LINK_DB")
    service = replace(postgres_server, user=name, password=PASSWORD, name=other)
    with pytest.raises(psycopg.OperationalError, match="CONNECT privilege"):
        execute(service, "SELECT 1")


def test_the_owner_can_look_whether_its_database_exists(
    environment: dict[str, str], postgres_server: PostgresAddress, name: str
) -> None:
    prepare(environment, "LINK_DB")
    owner = replace(postgres_server, user=f"{name}_owner", password="the owner's", name="postgres")
    assert execute(owner, "SELECT 1") == [(1,)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(owner, "CREATE TEMPORARY TABLE mine (id int)")


def test_a_database_from_before_there_were_roles_is_handed_over(
    environment: dict[str, str], postgres_server: PostgresAddress, name: str
) -> None:
    execute(postgres_server, "CREATE DATABASE {}", name)
    before = replace(postgres_server, name=name)
    execute(before, 'CREATE TABLE "Odd name" (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)')
    execute(before, "CREATE FUNCTION one(int) RETURNS int LANGUAGE sql AS 'SELECT 1'")
    prepare(environment, "LINK_DB")
    owner = replace(before, user=f"{name}_owner", password="the owner's")
    execute(owner, 'ALTER TABLE "Odd name" ADD COLUMN name text')
    execute(owner, 'INSERT INTO "Odd name" (name) VALUES (NULL)')
    execute(owner, "DROP FUNCTION one(int)")


def test_a_role_gets_its_password_without_telling_the_server_what_it_is(
    postgres_server: PostgresAddress, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement that fails is in the server's log, and all are in the list of what it does."""
    sent: list[str] = []
    with psycopg.connect(postgres_server.conninfo, autocommit=True) as connection:
        monkeypatch.setattr(connection, "execute", noting(sent, connection))
        for _ in range(2):
            _make_role(connection, name, SECRET)
    assert [statement.split()[0] for statement in sent if "ROLE" in statement] == [
        "CREATE",
        "ALTER",
    ]
    assert not [statement for statement in sent if SECRET in statement]
    execute(postgres_server, "CREATE DATABASE {}", name)
    execute(replace(postgres_server, user=name, password=SECRET, name=name), "SELECT 1")


def noting(sent: list[str], connection: psycopg.Connection) -> Callable[..., Any]:
    """Returns the connection's method, with a look at what it is given."""
    execute: Callable[..., Any] = connection.execute

    def note(query: sql.Composed | str, *given: Any) -> Any:
        sent.append(query.as_string(connection) if isinstance(query, sql.Composed) else query)
        return execute(query, *given)

    return note
