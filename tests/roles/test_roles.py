"""Each service's database role can do what the service needs, and no more; `migrate` has its own.

That a role can do what its service needs, the services' own tests show: they run as that role.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

import delinkcious
from delinkcious.config import PostgresAddress
from delinkcious.migrations import migrate
from delinkcious.testing.addresses import PostgresAddress as ServerAddress
from delinkcious.testing.process import run_command

pytestmark = pytest.mark.integration

PASSWORD: Final = "for-tests-only"
SERVICES: Final = {
    "link_service": "LINK_DB",
    "social_graph_service": "SOCIAL_GRAPH_DB",
    "user_service": "USER_DB",
}
DENIED: Final = psycopg.errors.InsufficientPrivilege
COULD_HAVE: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
DOES: Final = {
    "SELECT": r"(?:FROM|JOIN|UPDATE) {}\b",
    "INSERT": r"INSERT INTO {}\b",
    "UPDATE": r"UPDATE {0}\b|INSERT INTO {0}\b[^;\"]*DO UPDATE"
    r"|(?:FROM|JOIN) {0}\b[^;\"]*FOR (?:NO KEY )?(?:UPDATE|SHARE)",
    "DELETE": r"DELETE FROM {}\b",
}
"""What a statement says that needs a privilege."""


@dataclass(frozen=True)
class Home:
    """The database of one service, and the roles that enter it."""

    module: str
    owner: PostgresAddress
    service: PostgresAddress

    def environment(self) -> dict[str, str]:
        prefix, at = SERVICES[self.module], self.owner
        return {
            f"{prefix}_SERVICE_HOST": at.host,
            f"{prefix}_SERVICE_PORT": str(at.port),
            f"{prefix}_NAME": at.name,
            f"{prefix}_USER": self.service.user,
            f"{prefix}_PASSWORD": PASSWORD,
            f"{prefix}_OWNER_USER": at.user,
            f"{prefix}_OWNER_PASSWORD": PASSWORD,
        }


@pytest.fixture(scope="module")
def homes(postgres_server: ServerAddress) -> Iterator[dict[str, Home]]:
    """Every service's database, as `migrate` makes it from an empty one that its owner has."""
    made = {module: _home(postgres_server, module) for module in SERVICES}
    with psycopg.connect(postgres_server.conninfo, autocommit=True) as connection:
        for home in made.values():
            for role in (home.owner.user, home.service.user):
                _run(connection, "CREATE ROLE {} LOGIN PASSWORD 'for-tests-only'", role)
            _run(connection, "CREATE DATABASE {} OWNER {}", home.owner.name, home.owner.user)
        for home in made.values():
            migrate(home.owner, _migrations(home), role=home.service.user)
        yield made
        for home in made.values():
            _run(connection, "DROP DATABASE {} WITH (FORCE)", home.owner.name)
            for role in (home.owner.user, home.service.user):
                _run(connection, "DROP ROLE {}", role)


def _home(server: ServerAddress, module: str) -> Home:
    name = f"{module}_{uuid4().hex[:8]}"
    owner = PostgresAddress(server.host, server.port, f"{name}_owner", PASSWORD, name)
    return Home(module, owner, replace(owner, user=name))


def _migrations(home: Home) -> ModuleType:
    return import_module(f"{home.module}.migrations")


def _run(connection: psycopg.Connection[Any], statement: str, *names: str) -> None:
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@pytest.fixture(params=SERVICES)
def home(request: pytest.FixtureRequest, homes: dict[str, Home]) -> Home:
    return homes[request.param]


def rows(address: PostgresAddress, statement: str) -> list[Any]:
    with psycopg.connect(**address.parameters(), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def tables(home: Home) -> list[str]:
    statement = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    return [name for (name,) in rows(home.owner, statement)]


def test_a_service_may_do_with_each_table_what_is_declared_and_nothing_else(home: Home) -> None:
    declared = _migrations(home).PRIVILEGES
    asked = ", ".join(f"has_table_privilege(tablename, '{right}')" for right in COULD_HAVE)
    found = {
        name: ", ".join(right for right, has in zip(COULD_HAVE, answers, strict=True) if has)
        for name, *answers in rows(
            home.service, f"SELECT tablename, {asked} FROM pg_tables WHERE schemaname = 'public'"
        )
    }
    assert found.pop("alembic_version") == "SELECT"
    assert found == {name: what for name, what in declared.items() if " " not in name}


def test_a_service_may_do_with_each_table_nothing_that_it_never_does(home: Home) -> None:
    """As far as the text of its statements tells."""
    code = "\n".join(source.read_text(encoding="utf-8") for source in sources(home))
    unused = [
        f"{right} on {table}"
        for table, rights in _migrations(home).PRIVILEGES.items()
        for right in rights.split(", ")
        if " " not in table and not re.search(DOES[right].format(table), code, re.DOTALL)
    ]
    assert unused == []


def sources(home: Home) -> Iterator[Path]:
    for module in (import_module(home.module), delinkcious):
        for source in Path(module.__path__[0]).rglob("*.py"):
            if not {"migrations", "testing"} & set(source.parts):
                yield source


def test_what_the_service_uses_belongs_to_the_role_that_migrates(home: Home) -> None:
    statement = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
    assert rows(home.owner, statement) == [(home.owner.user,)]
    assert rows(
        home.service,
        "SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls"
        " FROM pg_roles WHERE rolname = current_user",
    ) == [(False,)]


def test_a_service_cannot_change_what_there_is(home: Home) -> None:
    every = tables(home)
    statements = [
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
        f"ALTER DATABASE {home.owner.name} SET timezone = 'UTC'",
        f"DROP DATABASE {home.owner.name}",
        f"SET ROLE {home.owner.user}",
        "UPDATE alembic_version SET version_num = '0'",
        "COPY outbox TO PROGRAM 'cat'",
        "SELECT pg_read_file('/etc/hostname')",
        "SELECT rolpassword FROM pg_authid",
        *(f"DROP TABLE {name} CASCADE" for name in every),
        *(f"TRUNCATE {name} CASCADE" for name in every),
        *(f"ALTER TABLE {name} ADD COLUMN mine int" for name in every),
        *(f"CREATE INDEX ON {name} ((1))" for name in every),
    ]
    with psycopg.connect(**home.service.parameters(), autocommit=True) as connection:
        for statement in statements:
            with pytest.raises(DENIED):
                connection.execute(statement.encode())
    assert tables(home) == every


def test_a_service_cannot_enter_the_database_of_another(homes: dict[str, Home]) -> None:
    for home in homes.values():
        for other in homes.values():
            if other is not home:
                for role in (home.service, home.owner):
                    with pytest.raises(psycopg.OperationalError, match="CONNECT privilege"):
                        rows(replace(role, name=other.owner.name), "SELECT 1")


def test_what_was_given_and_is_not_declared_any_more_is_taken_back(homes: dict[str, Home]) -> None:
    home = homes["social_graph_service"]
    rows(home.owner, f"GRANT TRUNCATE ON follows TO {home.service.user}")
    rows(home.owner, "GRANT SELECT ON follows TO PUBLIC")
    done = run_command(home.module, "migrate", home.environment())
    assert done.returncode == 0, done.stderr
    statement = "SELECT has_table_privilege('follows', 'TRUNCATE')"
    assert rows(home.service, statement) == [(False,)]
    (acl,) = rows(home.owner, "SELECT relacl::text FROM pg_class WHERE relname = 'follows'")[0]
    assert "{=" not in acl
    assert ",=" not in acl
