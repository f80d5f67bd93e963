"""A connection to NATS that comes back for ever.

The client's own reconnection is off, on purpose: it buffers what is published meanwhile and sends
it after what had been lost, which breaks the order of events, and it gives up on some errors. Here
a lost connection is gone, with everything that was under way on it; the next one is new, and is
used once the streams are there (a broker may come back without its data).
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Self

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from delinkcious.errors import Unavailable
from delinkcious.health import NotReady
from delinkcious.messaging.metrics import CONNECTED
from delinkcious.messaging.pacing import Backoff
from delinkcious.messaging.streams import ensure_streams

logger = structlog.get_logger()

CONNECTION_ERRORS: Final = (NatsError, OSError, TimeoutError)
"""What nats-py raises when the broker is gone or refuses."""

_RECONNECT: Final = Backoff(base=0.1, cap=2)
_CONNECT_TIMEOUT: Final = 2
_DRAIN_TIMEOUT: Final = 5
_PING_INTERVAL: Final = 10
_MAX_OUTSTANDING_PINGS: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class Connection:
    """One connection, from its opening to its loss."""

    client: Client
    jetstream: JetStreamContext
    lost: asyncio.Future[None]


class Broker:
    """The broker at an address, whether it is there or not.

    Opened with ``async with``, it connects in the background.
    """

    def __init__(self, host: str, port: int, name: str) -> None:
        """Takes the broker's address and the name under which its monitoring shows us."""
        self._url = f"nats://{host}:{port}"
        self._name = name
        self._current: Connection | None = None
        self._connected = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._reason = "not connected yet"
        self._complained = False

    @property
    def connected(self) -> bool:
        """Whether events can be published and consumed now; may be asked from any thread."""
        return self._current is not None

    def check(self) -> None:
        """Returns when connected: a `health.Check`, for any thread.

        Raises:
            NotReady: not connected, and why.
        """
        if not self.connected:
            raise NotReady(self._reason)

    def connection(self) -> Connection:
        """Returns the connection of this moment.

        Raises:
            Unavailable: there is none.
        """
        if self._current is None:
            raise Unavailable("The event broker is not reachable.")
        return self._current

    async def wait_connected(self) -> Connection:
        """Returns the connection, as soon as there is one."""
        while self._current is None:
            await self._connected.wait()
        return self._current

    async def __aenter__(self) -> Self:
        """Begins to connect, and does not wait for it."""
        self._keeper = asyncio.create_task(self._keep_connected())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Sends what is buffered and disconnects."""
        await self.close()

    async def close(self) -> None:
        """Sends what is buffered and disconnects; the broker cannot be opened again."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        connection, self._current = self._current, None
        if connection is not None:
            with suppress(*CONNECTION_ERRORS):
                await connection.client.drain()
            await _abandon(connection.client)
            self._set_state(None, "closed")
            logger.info("broker_disconnected", url=self._url)

    async def _keep_connected(self) -> None:
        failures = 0
        while True:
            try:
                connection = await self._connect()
            except CONNECTION_ERRORS as error:
                failures += 1
                self._unreachable(error)
                await asyncio.sleep(_RECONNECT.delay(failures))
            else:
                failures = 0
                await self._use(connection)

    async def _use(self, connection: Connection) -> None:
        self._complained = False
        self._set_state(connection, "")
        logger.info("broker_connected", url=self._url)
        await asyncio.shield(connection.lost)
        self._unreachable(connection.client.last_error or ConnectionError("connection lost"))

    def _unreachable(self, error: Exception) -> None:
        """Logs it once, however often the attempts to connect then fail."""
        self._set_state(None, f"{type(error).__name__}: {error}")
        if not self._complained:
            self._complained = True
            logger.warning("broker_unreachable", url=self._url, reason=self._reason)

    def _set_state(self, connection: Connection | None, reason: str) -> None:
        self._current, self._reason = connection, reason
        CONNECTED.set(connection is not None)
        if connection is None:
            self._connected.clear()
        else:
            self._connected.set()

    async def _connect(self) -> Connection:
        client = Client()
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            await client.connect(self._url, **self._options(lost))
            jetstream = client.jetstream()
            await ensure_streams(jetstream)
        except BaseException:
            await _abandon(client)
            raise
        return Connection(client, jetstream, lost)

    def _options(self, lost: asyncio.Future[None]) -> dict[str, Any]:
        return {
            "name": self._name,
            "allow_reconnect": False,
            "max_reconnect_attempts": 1,  # of the address, before there is a connection
            "reconnect_time_wait": 0,
            "connect_timeout": _CONNECT_TIMEOUT,
            "drain_timeout": _DRAIN_TIMEOUT,
            "ping_interval": _PING_INTERVAL,
            "max_outstanding_pings": _MAX_OUTSTANDING_PINGS,
            "error_cb": _note,
            "closed_cb": _resolver(lost),
        }


async def _note(error: Exception) -> None:
    """Notes what the client says; the loss of a connection is told by who keeps it."""
    logger.debug("broker_error", error=repr(error))


def _resolver(lost: asyncio.Future[None]) -> Callable[[], Awaitable[None]]:
    async def closed() -> None:
        if not lost.done():
            lost.set_result(None)

    return closed


async def _abandon(client: Client) -> None:
    with suppress(*CONNECTION_ERRORS):
        await client.close()
