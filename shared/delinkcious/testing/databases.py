"""A database of its own for each test, cloned from a template that was migrated once."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from delinkcious.testing.addresses import PostgresAddress

if TYPE_CHECKING:
    from psycopg.sql import Composed

Migrate = Callable[[PostgresAddress], object]
"""Brings the schema of an empty database up to date, and leaves no connection open."""

EMPTY = "template0"


class NewDatabase(Protocol):
    """Makes a database for one test: empty, or a copy of a template."""

    def __call__(self, template: str = EMPTY, /) -> PostgresAddress: ...


class TemplateDatabase(Protocol):
    """The name of a migrated database to copy, made once a session for each name."""

    def __call__(self, name: str, migrate: Migrate, /) -> str: ...


class Migrated(Protocol):
    """The name of a database to copy, with the schema that a package of migrations makes and the
    privileges of `service_role`; made once a session for each package.
    """

    def __call__(self, migrations: ModuleType, /) -> str: ...


class Databases:
    """The databases of one test session on one server; all of them go at its end."""

    def __init__(self, server: PostgresAddress) -> None:
        self._server = server
        self._session = secrets.token_hex(4)
        self._made: set[str] = set()
        self._templates: dict[str, str] = {}
        self._role = ""

    def create(self, template: str = EMPTY) -> PostgresAddress:
        """A new database, empty or a copy of a template."""
        name = f"test_{self._session}_{secrets.token_hex(4)}"
        self._execute("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, template)
        self._made.add(name)
        return replace(self._server, name=name)

    def template(self, name: str, migrate: Migrate) -> str:
        """The name of a migrated database to copy; it is made at the first call for this name."""
        if name not in self._templates:
            database = self.create()
            migrate(database)
            self._close(database.name)
            self._templates[name] = database.name
        return self._templates[name]

    def service_role(self) -> str:
        """A role that may do nothing but what it is given; its password is that of the server's."""
        from psycopg.sql import SQL, Identifier, Literal

        if not self._role:
            self._role = f"service_{self._session}"
            names = Identifier(self._role), Literal(self._server.password)
            self._run(SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(*names))
        return self._role

    def drop(self, database: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", database)
        self._made.discard(database)

    def drop_all(self) -> None:
        """Drop all that was made here."""
        for name in sorted(self._made):
            self.drop(name)
        if self._role:
            self._execute("DROP ROLE {}", self._role)

    def _close(self, database: str) -> None:
        """Nobody may be connected to a database that is copied."""
        from psycopg.sql import SQL, Literal

        self._execute("ALTER DATABASE {} ALLOW_CONNECTIONS false", database)
        self._run(
            SQL(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = {}"
            ).format(Literal(database))
        )

    def _execute(self, statement: str, *names: str) -> None:
        from psycopg.sql import SQL, Identifier

        self._run(SQL(statement).format(*map(Identifier, names)))

    def _run(self, statement: "Composed") -> None:
        import psycopg

        with psycopg.connect(self._server.conninfo, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def databases(server: PostgresAddress) -> Iterator[Databases]:
    """The databases of a test session."""
    made = Databases(server)
    try:
        yield made
    finally:
        made.drop_all()
