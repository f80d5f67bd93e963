"""Brings a service's database up to date: alembic with raw SQL, one file a revision.

Safe to repeat, and safe when two run at once: a session lock lets one work while the other waits.
Only the ``migrate`` command imports this; nothing else pays for SQLAlchemy.

What it makes belongs to the role that it enters as. The service enters as another one, which may
do what `PRIVILEGES` of the package with the revisions says, and nothing else: not create, not drop,
not even enter the database of another service. Where there is only one role, that owns all.
"""

from collections.abc import Mapping
from pathlib import Path
from time import monotonic, sleep
from types import ModuleType
from typing import Any, Final

import psycopg
import structlog
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from psycopg import sql
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from delinkcious.config import PostgresAddress
from delinkcious.service import StartError

logger = structlog.get_logger()

_LOCK: Final = 0x64656C696E6B  # "delink"
_PAUSE: Final = 0.25
_VERSION: Final = "alembic_version"  # tells readiness that the database has been migrated
_TAKE_ALL: Final = (
    "REVOKE ALL ON DATABASE {database} FROM PUBLIC, {role}",
    "GRANT CONNECT ON DATABASE {database} TO {role}",
    "REVOKE ALL ON SCHEMA public FROM PUBLIC, {role}",
    "GRANT USAGE ON SCHEMA public TO {role}",
    "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, {role}",
    "REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, {role}",
    "REVOKE ALL ON ALL ROUTINES IN SCHEMA public FROM PUBLIC, {role}",
)


Privileges = Mapping[str, str]
"""What a service's role may do with a table, or with a function: ``FUNCTION purge(uuid)``."""


def migrate(
    address: PostgresAddress, migrations: ModuleType, *, role: str = "", wait: float = 60
) -> None:
    """Creates the database if it is missing and applies the revisions that it lacks.

    Args:
        migrations: the package whose modules are the revisions, with its `Privileges`.
        role: who is given those, if not who owns all of it anyway.
        wait: seconds to wait for Postgres to answer.

    Raises:
        StartError: Postgres did not answer in time or refused a statement, or the revisions do not
            lead from what the database has to a single newest one.
    """
    try:
        _create_database(address, wait)
        engine = create_engine(
            "postgresql+psycopg://",
            creator=lambda: psycopg.connect(**address.parameters()),
            poolclass=NullPool,
        )
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
            connection.commit()
            _upgrade(connection, migrations)
            if role not in {"", address.user}:
                _grant(connection.connection.dbapi_connection, role, migrations.PRIVILEGES)
    except (psycopg.Error, SQLAlchemyError, CommandError) as error:
        raise StartError(f"migration of {address.name} failed: {_one_line(error)}") from error


def _create_database(address: PostgresAddress, wait: float) -> None:
    with _connect_to_server(address, wait) as connection:
        query = "SELECT 1 FROM pg_database WHERE datname = %s"
        if connection.execute(query, [address.name]).fetchone():
            return
        try:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(address.name)))
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return  # the other one was quicker
        logger.info("database_created", database=address.name)


def _connect_to_server(address: PostgresAddress, wait: float) -> psycopg.Connection[Any]:
    deadline = monotonic() + wait
    parameters = {**address.parameters(), "dbname": "postgres"}
    while True:
        try:
            return psycopg.connect(**parameters, autocommit=True, connect_timeout=2)
        except psycopg.OperationalError:
            if monotonic() > deadline:
                raise
            sleep(_PAUSE)


def _upgrade(connection: Connection, migrations: ModuleType) -> None:
    script = _scripts_of(migrations)

    def revisions(current: Any, _context: Any) -> Any:
        steps = script._upgrade_revs("head", current)  # as alembic's own command does
        for step in steps:
            logger.info("migrating", revision=step.revision.revision, what=step.revision.doc)
        return steps

    with EnvironmentContext(Config(), script, fn=revisions) as environment:
        environment.configure(connection=connection, transaction_per_migration=True)
        with environment.begin_transaction():
            environment.run_migrations()
    connection.commit()


def _grant(connection: Any, role: str, privileges: Privileges) -> None:
    """Gives a role these privileges, and takes it and everybody all others, in one transaction."""
    names = {"role": sql.Identifier(role), "database": sql.Identifier(connection.info.dbname)}
    with connection.transaction():
        for statement in _TAKE_ALL:
            connection.execute(sql.SQL(statement).format(**names))
        for what, allowed in {_VERSION: "SELECT", **privileges}.items():
            grant = sql.SQL("GRANT {} ON {} TO {role}")
            connection.execute(grant.format(sql.SQL(allowed), sql.SQL(what), **names))
    logger.info("privileges_granted", database=connection.info.dbname, role=role)


def _scripts_of(migrations: ModuleType) -> ScriptDirectory:
    folder = str(Path(str(migrations.__file__)).parent)
    return ScriptDirectory(folder, version_locations=[folder])


def _one_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
