"""Brings a service's database up to date: alembic with raw SQL, one file a revision.

Safe to repeat, and safe when two run at once: a session lock lets one work while the other waits.
Only the ``migrate`` command imports this; nothing else pays for SQLAlchemy.
"""

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


def migrate(address: PostgresAddress, migrations: ModuleType, *, wait: float = 60) -> None:
    """Creates the database if it is missing and applies the revisions that it lacks.

    Args:
        migrations: the package whose modules are the revisions.
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


def _scripts_of(migrations: ModuleType) -> ScriptDirectory:
    folder = str(Path(str(migrations.__file__)).parent)
    return ScriptDirectory(folder, version_locations=[folder])


def _one_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
