"""The broker for processes that serve with threads: it hears events, and publishes some soon.

An event loop in one daemon thread keeps the connection. Nobody waits for it: a request goes on, and
the process is ready, whether the broker is there or not. So it is for what may be lost: hints that
something changed, and records that are kept as well as possible. What must not be lost goes through
an outbox and to a `Consumer`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final, Protocol, Self

import structlog
from nats.aio.msg import Msg

from delinkcious import tracing
from delinkcious.config import BrokerSettings
from delinkcious.messaging.broker import CONNECTION_ERRORS, Broker, Connection, abandon
from delinkcious.messaging.buffer import EventBuffer
from delinkcious.messaging.event import Event, MalformedEvent
from delinkcious.messaging.loop_thread import LoopThread
from delinkcious.messaging.metrics import DROPPED, HEARD
from delinkcious.messaging.pacing import Backoff
from delinkcious.messaging.publisher import NotAcknowledged, Publisher

logger = structlog.get_logger()

Listener = Callable[[Event], None]
"""Told of an event, in the background thread: it must be quick and wait for nothing."""

_BATCH: Final = 100
_RETRY: Final = Backoff(base=0.2, cap=3)
_LAST_EVENTS: Final = 2.0
_CLOSING: Final = 10.0
_LOOK: Final = 0.02


class SoonPublisher(Protocol):
    """Whoever publishes events when it can: the real one, or a double."""

    def publish_soon(self, event: Event) -> None:
        """Takes an event to publish, and never raises, waits, or promises that it succeeds."""


class EventSource(Protocol):
    """Whoever tells of events as they come: the real one, or a double."""

    def listen(self, subject: str, listener: Listener) -> None:
        """Has the listener told of every event of a subject that comes while connected.

        To be called before the source is started.
        """

    def on_connect(self, callback: Callable[[], None]) -> None:
        """Has it called whenever listening begins (again): whatever came before may be missed.

        To be called before the source is started.
        """


class BackgroundBroker:
    """A broker for any thread, between `start` and `close`."""

    def __init__(self, broker: Broker, *, buffer: int = 1000) -> None:
        """Takes the broker, not yet opened, and how many events may wait to be published."""
        self._broker = broker
        self._publisher = Publisher(broker)
        self._thread = LoopThread("background-broker")
        self._buffer = EventBuffer(buffer)
        self._filled = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._listeners: list[tuple[str, Listener]] = []
        self._on_connect: list[Callable[[], None]] = []
        self._closed = False

    @classmethod
    def from_settings(cls, settings: BrokerSettings) -> Self:
        """Returns the broker that a service is configured with."""
        return cls(Broker.from_settings(settings))

    def listen(self, subject: str, listener: Listener) -> None:
        """Has the listener told of every event of a subject that comes while connected.

        The subject has no wildcards. To be called before `start`. Every process that listens is
        told. An event that comes while the connection is lost is missed: `on_connect` is for that.
        """
        self._listeners.append((subject, listener))

    def on_connect(self, callback: Callable[[], None]) -> None:
        """Has it called whenever listening begins (again), in the background thread.

        To be called before `start`.
        """
        self._on_connect.append(callback)

    def start(self) -> None:
        """Begins to connect, and does not wait for it."""
        self._thread.start()
        self._thread.submit(self._begin()).result()

    def close(self) -> None:
        """Publishes what waits, if that is quickly done, disconnects and ends the thread.

        It cannot be started again.
        """
        self._closed = True
        if self._thread.running:
            self._thread.submit(self._end()).result(_CLOSING)
            self._thread.stop()
        for event in self._buffer.take(len(self._buffer)):
            DROPPED.labels(event.type, "closed").inc()

    @property
    def connected(self) -> bool:
        """Whether events come, and are published, now."""
        return self._broker.connected

    def check(self) -> None:
        """Returns when connected: a `health.Check`, never of what is required.

        Raises:
            NotReady: not connected, and why.
        """
        self._broker.check()

    def publish_soon(self, event: Event) -> None:
        """Publishes an event as soon as there is a connection, and never waits or raises.

        It continues the caller's trace. If more wait than there is room for, the oldest are
        dropped.
        """
        if self._closed:
            DROPPED.labels(event.type, "closed").inc()
        elif _is_valid(event):
            own = event if event.context else replace(event, context=tracing.inject())
            if self._buffer.add(own):
                self._thread.call_soon(self._filled.set)

    async def _begin(self) -> None:
        await self._broker.open()
        self._tasks = [asyncio.create_task(work) for work in (self._listen(), self._publish())]

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(TimeoutError, NotAcknowledged):
            async with asyncio.timeout(_LAST_EVENTS):
                while len(self._buffer):
                    await self._publish_batch()
        await self._broker.close(drain=False)  # what was acknowledged needs it not

    async def _listen(self) -> None:
        previous: Connection | None = None
        while True:
            connection = await self._broker.wait_connected()
            if connection is previous:  # lost, and the broker has not noticed yet
                await asyncio.sleep(_LOOK)
                continue
            previous = connection
            try:
                await connection.attempt(self._subscribe(connection))
            except CONNECTION_ERRORS as error:
                logger.warning("listening_failed", reason=repr(error))
                await abandon(connection.client)
            await connection.lost.wait()

    async def _subscribe(self, connection: Connection) -> None:
        for subject, listener in self._listeners:
            await connection.client.subscribe(subject, cb=_teller(subject, listener))
        await connection.client.flush()  # the broker has it, so nothing is missed from here on
        for callback in self._on_connect:
            try:
                callback()
            except Exception:  # the listeners hear all the same
                logger.exception("on_connect_failed")

    async def _publish(self) -> None:
        failures = 0
        self._filled.set()  # something may have come before the start
        while True:
            await self._filled.wait()
            await self._broker.wait_connected()
            if not len(self._buffer):
                self._filled.clear()
                continue
            try:
                await self._publish_batch()
                failures = 0
            except NotAcknowledged:
                failures += 1
                await asyncio.sleep(_RETRY.delay(failures))

    async def _publish_batch(self) -> None:
        batch = self._buffer.take(_BATCH)
        try:
            await self._publisher.publish(batch)
        except NotAcknowledged as error:
            self._buffer.put_back(error.events)
            raise
        except asyncio.CancelledError:
            self._buffer.put_back(batch)  # sent again, they are recognised by their ids
            raise


def _teller(subject: str, listener: Listener) -> Callable[[Msg], Awaitable[None]]:
    async def tell(message: Msg) -> None:
        HEARD.labels(subject, _tell(subject, listener, message)).inc()

    return tell


def _tell(subject: str, listener: Listener, message: Msg) -> str:
    try:
        listener(_event(subject, message))
    except MalformedEvent as error:
        logger.warning("event_malformed", subject=message.subject, reason=str(error))
        return "malformed"
    except Exception:
        logger.exception("listener_failed", subject=message.subject)
        return "failed"
    return "handled"


def _event(subject: str, message: Msg) -> Event:
    """Reads an event of this subject, and of no other that a consumer delivers under it, as who may
    make one in the broker can have it do (ADR-0050).
    """
    if message.subject != subject:
        raise MalformedEvent.of("subject", f"{message.subject!r} instead of {subject!r}")
    return Event.decode(subject, message.headers or {}, message.data)


def _is_valid(event: Event) -> bool:
    try:
        event.payload()
    except ValueError as error:
        DROPPED.labels(event.type, "invalid").inc()
        logger.warning("events_dropped", reason="invalid", type=event.type, error=str(error))
        return False
    return True
