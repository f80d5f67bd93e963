"""`python -m tools.local_stack.database link_service LINK_DB`: its roles, then its migration.

What a database's administrator does once for each service, before its `migrate` runs for the first
time: a role that owns its database, a role for the service, and the database. Repeating it is safe,
and a database from before there were roles is handed over.
"""

import os
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

import psycopg
from psycopg import sql

ADMINISTRATOR: Final = "postgres"
ADMINISTRATOR_PASSWORD: Final = "LOCAL_POSTGRES_PASSWORD_FILE"

_PATIENCE: Final = 60
_ROLE: Final = "SELECT FROM pg_roles WHERE rolname = %s"
_DATABASE: Final = "SELECT FROM pg_database WHERE datname = %s"
_OTHERS: Final = """
SELECT format('ALTER %%s %%s OWNER TO', kind, name) FROM (
    SELECT 'TABLE' AS kind, oid::regclass::text AS name, relowner AS owner FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    UNION ALL
    SELECT 'ROUTINE', oid::regprocedure::text, proowner FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
) WHERE owner <> %s::regrole
"""


def prepare(environment: dict[str, str], prefix: str) -> None:
    """Makes the roles and the database that the variables with this prefix name."""
    name = environment.get(f"{prefix}_NAME") or prefix.lower().replace("_db", "_manager")
    owner, service = environment[f"{prefix}_OWNER_USER"], environment[f"{prefix}_USER"]
    with _administrator(environment, "postgres") as connection:
        for user, password in ((owner, "OWNER_PASSWORD"), (service, "PASSWORD")):
            _make_role(connection, user, _read(environment, f"{prefix}_{password}_FILE"))
        if not connection.execute(_DATABASE, [name]).rowcount:
            _run(connection, "CREATE DATABASE {} OWNER {}", name, owner)
        _run(connection, "ALTER DATABASE {} OWNER TO {}", name, owner)
        _close(connection, owner)
    with _administrator(environment, name) as connection:
        for (statement,) in connection.execute(_OTHERS, [owner]).fetchall():
            _run(connection, f"{statement} {{}}", owner)


def _administrator(environment: dict[str, str], name: str) -> psycopg.Connection[tuple[Any, ...]]:
    deadline = monotonic() + _PATIENCE
    while True:
        try:
            return psycopg.connect(
                host=environment["LOCAL_POSTGRES_HOST"],
                port=environment["LOCAL_POSTGRES_PORT"],
                user=ADMINISTRATOR,
                password=_read(environment, ADMINISTRATOR_PASSWORD),
                dbname=name,
                connect_timeout=2,
                autocommit=True,
            )
        except psycopg.OperationalError:
            if monotonic() > deadline:
                raise
            sleep(0.1)


def _make_role(connection: psycopg.Connection[Any], name: str, password: str) -> None:
    """Makes a role, or gives it this password; told so that the server's log cannot show it."""
    hidden = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
    verb = "ALTER" if connection.execute(_ROLE, [name]).rowcount else "CREATE"
    statement = sql.SQL(f"{verb} ROLE {{}} LOGIN PASSWORD {{}}")
    connection.execute(statement.format(sql.Identifier(name), sql.Literal(hidden.decode())))


def _close(connection: psycopg.Connection[Any], owner: str) -> None:
    """Closes what is nobody's own, which PostgreSQL opens to everybody; `migrate` looks from there
    whether its database exists.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(0)")  # other services' do the same now
        for database in ("postgres", "template1"):
            _run(connection, "REVOKE ALL ON DATABASE {} FROM PUBLIC", database)
        _run(connection, "GRANT CONNECT ON DATABASE postgres TO {}", owner)


def _run(connection: psycopg.Connection[Any], statement: str, *names: str) -> None:
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _read(environment: dict[str, str], variable: str) -> str:
    return Path(environment[variable]).read_text(encoding="utf-8").strip()


if __name__ == "__main__":
    module, variables = sys.argv[1:3]
    prepare(dict(os.environ), variables)
    os.execv(sys.executable, [sys.executable, "-m", module, "migrate"])  # noqa: S606
