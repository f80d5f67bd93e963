"""The publisher for threads: an asyncio loop of its own in the background.

For the few places that publish outside a worker, such as an HTTP function. A request that also
writes to a database uses the outbox instead.
"""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, Final, Protocol, TypeVar

from delinkcious.errors import Unavailable
from delinkcious.messaging.broker import Broker
from delinkcious.messaging.event import Event
from delinkcious.messaging.publisher import Publisher

T = TypeVar("T")

_MARGIN: Final = 1
_CLOSING: Final = 10


class BlockingEventPublisher(Protocol):
    """Whoever publishes events from a thread: the real one, or a double."""

    def publish(self, events: Sequence[Event]) -> None:
        """Publishes the events in their order and returns when all are safe.

        Raises:
            Unavailable: some are not.
        """


class BlockingPublisher:
    """Publishes to a broker from any thread, between `start` and `close`."""

    def __init__(self, broker: Broker, *, timeout: float = 5) -> None:
        """Takes the broker, not yet opened, and how many seconds `publish` may take."""
        self._broker = broker
        self._publisher = Publisher(broker, timeout=timeout)
        self._timeout = timeout
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begins to connect, and does not wait for it."""
        self._loop = asyncio.new_event_loop()
        threading.Thread(
            target=_run, args=(self._loop,), name="blocking-publisher", daemon=True
        ).start()
        self._submit(self._broker.open()).result()

    def close(self) -> None:
        """Sends what is buffered, disconnects and ends the thread; it cannot be started again."""
        if self._loop is not None:
            self._submit(self._broker.close()).result(_CLOSING)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._loop = None

    @property
    def connected(self) -> bool:
        """Whether events can be published now."""
        return self._broker.connected

    def check(self) -> None:
        """Returns when connected: a `health.Check`.

        Raises:
            NotReady: not connected, and why.
        """
        self._broker.check()

    def publish(self, events: Sequence[Event]) -> None:
        """Publishes the events in their order and returns when the broker has acknowledged all.

        Raises:
            Unavailable: some were not acknowledged.
            ValueError: the data of one is too large, or not JSON.
        """
        publication = self._submit(self._publisher.publish(events))
        try:
            publication.result(self._timeout + _MARGIN)
        except TimeoutError:
            publication.cancel()
            raise Unavailable("The event broker does not answer.") from None

    def _submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Runs it in the background, in the caller's context and so in its span."""
        if self._loop is None:
            work.close()
            raise Unavailable("The publisher is not running.")
        return asyncio.run_coroutine_threadsafe(work, self._loop)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()
