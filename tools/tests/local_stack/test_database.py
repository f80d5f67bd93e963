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
from tools.local_stack.database import _make_role, prepare

pytestmark = pytest.mark.integration

PASSWORD = "its own"
SECRET = "correct horse battery staple"


@pytest.fixture
def name(postgres_server: PostgresAddress) -> Iterator[str]:
    """The name of a database, and of its role; the owner's has a suffix."""
    name = f"link_{uuid4().hex[:8]}"
    yield name
    execute(postgres_server, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
    for role in (name, f"{name}_owner"):
        execute(postgres_server, "DROP ROLE IF EXISTS {}", role)


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


@pytest.fixture
def role(postgres_server: PostgresAddress) -> Iterator[str]:
    name = f"role_{uuid4().hex[:8]}"
    yield name
    with psycopg.connect(postgres_server.conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))


def test_a_role_gets_its_password_without_telling_the_server_what_it_is(
    postgres_server: PostgresAddress, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement that fails is in the server's log, and all are in the list of what it does."""
    sent: list[str] = []
    with psycopg.connect(postgres_server.conninfo, autocommit=True) as connection:
        monkeypatch.setattr(connection, "execute", noting(sent, connection))
        for _ in range(2):
            _make_role(connection, role, SECRET)
    assert [statement.split()[0] for statement in sent if "ROLE" in statement] == [
        "CREATE",
        "ALTER",
    ]
    assert not [statement for statement in sent if SECRET in statement]
    psycopg.connect(postgres_server.conninfo, user=role, password=SECRET).close()


def noting(sent: list[str], connection: psycopg.Connection) -> Callable[..., Any]:
    """Returns the connection's method, with a look at what it is given."""
    execute: Callable[..., Any] = connection.execute

    def note(query: sql.Composed | str, *given: Any) -> Any:
        sent.append(query.as_string(connection) if isinstance(query, sql.Composed) else query)
        return execute(query, *given)

    return note
