"""What an administrator prepares for a service, before it migrates for the first time."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from delinkcious.testing.addresses import PostgresAddress
from tools.local_stack.database import _make_role

pytestmark = pytest.mark.integration

PASSWORD = "correct horse battery staple"


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
            _make_role(connection, role, PASSWORD)
    assert [statement.split()[0] for statement in sent if "ROLE" in statement] == [
        "CREATE",
        "ALTER",
    ]
    assert not [statement for statement in sent if PASSWORD in statement]
    psycopg.connect(postgres_server.conninfo, user=role, password=PASSWORD).close()


def noting(sent: list[str], connection: psycopg.Connection) -> Callable[..., Any]:
    """Returns the connection's method, with a look at what it is given."""
    execute: Callable[..., Any] = connection.execute

    def note(query: sql.Composed | str, *given: Any) -> Any:
        sent.append(query.as_string(connection) if isinstance(query, sql.Composed) else query)
        return execute(query, *given)

    return note
