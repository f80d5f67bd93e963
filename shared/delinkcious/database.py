"""Postgres for the services: connections, transactions, and their errors as ours.

Request threads each own one connection: a checkout from a pool costs as much as a small query,
and the number of threads bounds that of connections anyway (ADR-0005). Workers, which are asyncio,
use psycopg's pool.
"""

import asyncio
import select
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final, Self
from weakref import WeakSet

import psycopg
import structlog
from psycopg import Connection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from delinkcious.config import PostgresAddress
from delinkcious.errors import Unavailable
from delinkcious.probe import Probe

logger = structlog.get_logger()

_CONNECT_TIMEOUT: Final = 2
_PAUSE_AFTER_FAILURE: Final = 0.25
# The pool doubles its pauses for as long as it goes on by itself. Once it has given up, whoever
# next wants a connection makes it begin afresh: so a database is found again within seconds.
_GIVE_UP: Final = 2.0
_PROBE_TIMEOUT: Final = 1.0
_NOT_MIGRATED: Final = psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn
_UNUSABLE: Final = (*_NOT_MIGRATED, psycopg.OperationalError, psycopg.InterfaceError)
_MIGRATED: Final = "SELECT version_num FROM alembic_version"
_SET_UP: Final[Mapping[str, Any]] = {
    "autocommit": True,
    "application_name": "delinkcious",
    "options": "-c timezone=UTC -c statement_timeout=10s"
    " -c idle_in_transaction_session_timeout=30s",
    "connect_timeout": _CONNECT_TIMEOUT,
    # A host that vanished is noticed after some ten seconds, and not after two hours.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


class Database:
    """One Postgres database for the threads of a process.

    Args:
        name: what the database is called in errors, logs and `/readiness`.
    """

    def __init__(self, name: str, address: PostgresAddress) -> None:
        self.name = name
        self._address = address
        self._local = threading.local()
        self._open: WeakSet[_Held] = WeakSet()
        self._down_until = 0.0
        self._probe = Probe(self._ask, _PROBE_TIMEOUT)
        self._probed: Connection[Any] | None = None

    @contextmanager
    def connection(self) -> Iterator[Connection[Any]]:
        """Gives the thread's connection, in autocommit mode: each statement stands for itself.

        Raises:
            Unavailable: the database cannot be reached, went away, or took too long.
        """
        try:
            yield self._held().connection
        except _UNUSABLE as error:
            raise self._unavailable(error) from error

    def fetch(
        self, sql: bytes, parameters: Sequence[Any] | Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        """Returns the rows of one statement; for reads of which there are many: it costs half of
        what the same takes by `connection`, which makes a cursor each time.

        Raises:
            Unavailable: as `connection` does.
        """
        try:
            return self._held().cursor.execute(sql, parameters).fetchall()
        except _UNUSABLE as error:
            raise self._unavailable(error) from error

    @contextmanager
    def transaction(self) -> Iterator[Connection[Any]]:
        """Gives the thread's connection in a transaction, committed if the block ends well."""
        with self.connection() as connection, connection.transaction():
            yield connection

    def check(self) -> None:
        """Raises `Unavailable` unless the database answers and has been migrated; for readiness.

        Probes have a connection of their own, which they share.
        """
        try:
            self._probe()
        except TimeoutError:
            raise Unavailable(f"{self.name} does not answer.") from None
        except psycopg.Error as error:
            raise Unavailable(_reason(self.name, error)) from None

    def close(self) -> None:
        """Closes the connections of all threads, none of which may be at work any more."""
        for held in list(self._open):
            held.connection.close()
        self._close_probe()

    def _ask(self) -> None:
        if self._probed is None or _is_lost(self._probed):
            self._close_probe()
            self._probed = self._connect()
        try:
            self._probed.execute(_MIGRATED)
        except psycopg.Error:
            self._close_probe()
            raise

    def _close_probe(self) -> None:
        if self._probed is not None:
            self._probed.close()

    def _unavailable(self, error: psycopg.Error) -> Unavailable:
        if not isinstance(error, _NOT_MIGRATED):
            logger.warning("database_unavailable", database=self.name, reason=_first_line(error))
        return Unavailable(_reason(self.name, error), retry_after=1)

    def _held(self) -> "_Held":
        held: _Held | None = getattr(self._local, "held", None)
        if held is not None:
            if not _is_lost(held.connection):
                return held
            self._discard()
        if monotonic() < self._down_until:
            raise Unavailable(f"{self.name} does not answer.", retry_after=1)
        try:
            self._local.held = held = _Held(self._connect())
            self._open.add(held)
        except psycopg.Error:
            self._down_until = monotonic() + _PAUSE_AFTER_FAILURE
            raise
        return held

    def _connect(self) -> Connection[Any]:
        return psycopg.connect(**self._address.parameters(), **_SET_UP, prepare_threshold=2)

    def _discard(self) -> None:
        held: _Held | None = getattr(self._local, "held", None)
        self._local.held = None
        if held is not None:
            held.connection.close()


class _Held:
    """A thread's connection, which is closed when the thread ends."""

    def __init__(self, connection: Connection[Any]) -> None:
        self.connection = connection
        self.cursor = connection.cursor()

    def __del__(self) -> None:
        self.connection.close()


def _is_lost(connection: Connection[Any]) -> bool:
    """Tells whether an idle connection is closed, also by the server: a look at the socket (1 µs).

    An idle connection has nothing to read, unless the server said goodbye.
    """
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return bool(poll.poll(0))


def _reason(name: str, error: psycopg.Error) -> str:
    if isinstance(error, _NOT_MIGRATED):
        return f"{name} has not been migrated."
    return f"{name} does not answer."


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


class AsyncDatabase:
    """One Postgres database for a worker: psycopg's pool, and its health."""

    def __init__(self, name: str, address: PostgresAddress, *, max_size: int = 4) -> None:
        self.name = name
        self.pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            kwargs=lambda: {**address.parameters(), **_SET_UP},  # a password may have changed
            min_size=1,
            max_size=max_size,
            timeout=5,
            reconnect_timeout=_GIVE_UP,
            check=AsyncConnectionPool.check_connection,
            open=False,
            name=name,
        )

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        await self.pool.open(wait=False)  # the database may come later
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.pool.close()

    def check(self) -> None:
        """Raises unless the database answers; for readiness, from another thread."""
        try:
            asyncio.run_coroutine_threadsafe(self._ping(), self._loop).result(_CONNECT_TIMEOUT)
        except (psycopg.Error, PoolTimeout, TimeoutError):
            raise Unavailable(f"{self.name} does not answer.") from None

    async def _ping(self) -> None:
        async with self.pool.connection(timeout=1) as connection:
            await connection.execute("SELECT 1")
