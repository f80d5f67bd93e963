"""A connection to NATS that comes back for ever.

The client's own reconnection is off, on purpose: it buffers what is published meanwhile and sends
it after what had been lost, which breaks the order of events, and it gives up on some errors. Here
a lost connection is gone, with everything that was under way on it; the next one is new, and is
used once the streams are there (a broker may come back without its data).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Self, TypeVar, cast

import structlog
from nats.aio.client import Client
from nats.errors import ConnectionClosedError, NoServersError, SecureConnWantedError
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from delinkcious.config import BrokerSettings, Login, TlsFiles
from delinkcious.errors import Unavailable
from delinkcious.health import NotReady
from delinkcious.messaging.metrics import CONNECTED
from delinkcious.messaging.pacing import Backoff, pause, unless
from delinkcious.messaging.streams import STREAMS, Retention, Stream, ensure_streams, kept_by
from delinkcious.tls import client_context

logger = structlog.get_logger()

T = TypeVar("T")

CONNECTION_ERRORS: Final = (NatsError, OSError, TimeoutError)
"""What nats-py raises when the broker is gone or refuses."""

_RETENTION: Final = Retention()
_NOBODY: Final = Login()
_RECONNECT: Final = Backoff(base=0.1, cap=2)
_CONNECT_TIMEOUT: Final = 2
_DRAIN_TIMEOUT: Final = 5
_FLUSH_TIMEOUT: Final = 5
_CLOSE_TIMEOUT: Final = 0.25
_LOOK_INTERVAL: Final = 1
_PING_INTERVAL: Final = 2
_MAX_OUTSTANDING_PINGS: Final = 2


def inbox_of(name: str) -> str:
    """Returns what every subject begins with under which a client is answered: its own, so that a
    broker can be told to let nobody else listen there.
    """
    return f"_INBOX.{name}"


class _Client(Client):
    """nats-py, able to close a connection that is broken.

    Its own `_close` first sends what is pending; when that fails, it leaves its tasks behind and
    does not tell that it is closed. Nothing is lost without: `drain` sends before it closes. And it
    waits for the end of a connection that was never there, when its encryption has failed.
    """

    def _connect_command(self) -> bytes:
        """Says who we are, but not unencrypted if it was to be encrypted.

        nats-py encrypts only if the server says that it wants to, and anybody could say otherwise.
        """
        if "tls" in self.options and not self._server_info.get("tls_required"):
            raise SecureConnWantedError
        return super()._connect_command()

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        self._pending.clear()
        self._pending_data_size = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await super()._close(status, do_cbs)


@dataclass(frozen=True, slots=True, eq=False)
class Connection:
    """One connection, from its opening to its loss."""

    client: Client
    jetstream: JetStreamContext
    lost: asyncio.Event
    retention: Retention
    kept: Collection[Stream]

    async def ensure_streams(self) -> None:
        """Makes the streams that are missing, and brings those that we keep up to date."""
        await ensure_streams(self.jetstream, self.retention, self.kept)

    async def attempt(self, work: Coroutine[Any, Any, T]) -> T:
        """Returns the result of the work, which may wait for an answer that no longer comes.

        Raises:
            ConnectionClosedError: the connection is lost.
        """
        result = await unless(self.lost, work)
        if self.lost.is_set():
            raise ConnectionClosedError
        return cast("T", result)


class Broker:
    """The broker at an address, whether it is there or not.

    Opened with ``async with``, it connects in the background.
    """

    def __init__(
        self,
        host: str,
        port: int,
        name: str,
        *,
        retention: Retention = _RETENTION,
        kept: Collection[Stream] = STREAMS,
        login: Login = _NOBODY,
        tls: TlsFiles | None = None,
    ) -> None:
        """Takes the broker's address and how to use it.

        Args:
            name: under which its monitoring shows us, and what our inboxes begin with.
            retention: of the streams.
            kept: the streams that this process brings up to date, and not only makes.
            login: who enters it, if it asks.
            tls: set, the connection is encrypted and the broker has to be who it should be.
        """
        self._login = login
        self._tls = tls
        self._retention = retention
        self._kept = kept
        self._url = f"nats://{host}:{port}"
        self._name = name
        self._current: Connection | None = None
        self._connected = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._reason = "not connected yet"
        self._complained = False

    @classmethod
    def from_settings(cls, settings: BrokerSettings) -> Self:
        """Returns the broker that a service is configured with."""
        retention = Retention(
            events=timedelta(seconds=settings.event_retention),
            dead_letters=timedelta(seconds=settings.dead_letter_retention),
        )
        nats = settings.nats
        return cls(
            nats.host,
            nats.port,
            settings.service_name,
            retention=retention,
            kept=kept_by(settings.service_name),
            login=settings.nats_login,
            tls=settings.nats_tls,
        )

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
        """Opens it."""
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes it."""
        await self.close()

    async def open(self) -> None:
        """Begins to connect, and does not wait for it."""
        self._keeper = asyncio.create_task(self._keep_connected())

    async def close(self, *, drain: bool = True) -> None:
        """Disconnects; the broker cannot be opened again.

        Args:
            drain: first send what is buffered, which takes some seconds if the broker hangs.
        """
        self._closing.set()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        connection, self._current = self._current, None
        if connection is not None:
            if drain:
                with suppress(*CONNECTION_ERRORS):
                    await connection.client.drain()
            await abandon(connection.client)
            self._set_state(None, "closed")
            logger.info("broker_disconnected", url=self._url)

    async def _keep_connected(self) -> None:
        failures = 0
        while not self._closing.is_set():  # asyncio.wait_for can swallow a cancellation (bpo-37658)
            try:
                connection = await self._connect()
            except CONNECTION_ERRORS as error:
                failures += 1
                self._unreachable(error)
                await pause(self._closing, _RECONNECT.delay(failures))
            else:
                failures = 0
                await self._use(connection)

    async def _use(self, connection: Connection) -> None:
        self._complained = False
        self._set_state(connection, "")
        logger.info("broker_connected", url=self._url)
        await unless(self._closing, _loss(connection))
        if connection.lost.is_set():
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
        client, lost = _Client(), asyncio.Event()
        try:
            options = {**self._options(lost), **self._credentials()}
            await _open(client, self._url, options)
            connection = Connection(client, client.jetstream(), lost, self._retention, self._kept)
            await connection.attempt(connection.ensure_streams())
        except BaseException:
            await abandon(client)
            raise
        return connection

    def _options(self, lost: asyncio.Event) -> dict[str, Any]:
        return {
            "name": self._name,
            "inbox_prefix": inbox_of(self._name),
            "allow_reconnect": False,
            "max_reconnect_attempts": 1,  # of the address, before there is a connection
            "reconnect_time_wait": 0,
            "connect_timeout": _CONNECT_TIMEOUT,
            "drain_timeout": _DRAIN_TIMEOUT,
            "flush_timeout": _FLUSH_TIMEOUT,
            "ping_interval": _PING_INTERVAL,
            "max_outstanding_pings": _MAX_OUTSTANDING_PINGS,
            "closed_cb": _setter(lost),
        }

    def _credentials(self) -> dict[str, Any]:
        """Returns who we are, and whom we trust, by the files of this moment."""
        credentials: dict[str, Any] = {}
        if self._login.user:
            credentials |= {"user": self._login.user, "password": self._login.password}
        if self._tls is not None:
            credentials["tls"] = client_context(self._tls)
        return credentials


async def _open(client: Client, url: str, options: dict[str, Any]) -> None:
    """Connects, or raises what was wrong rather than that no server is left to try."""
    errors: deque[Exception] = deque(maxlen=1)

    async def note(error: Exception) -> None:
        errors.append(error)
        logger.debug("broker_error", error=repr(error))

    try:
        await client.connect(url, error_cb=note, **options)
    except NoServersError as error:
        raise errors[-1] if errors else error from None


async def _loss(connection: Connection) -> None:
    """Returns when the connection is lost, also if the client forgets to tell."""
    while not connection.client.is_closed:
        await pause(connection.lost, _LOOK_INTERVAL)
    connection.lost.set()


def _setter(lost: asyncio.Event) -> Callable[[], Awaitable[None]]:
    async def closed() -> None:
        lost.set()

    return closed


async def abandon(client: Client) -> None:
    """Closes a connection that is of no use any more."""
    with suppress(*CONNECTION_ERRORS):
        await client.close()
