"""The publisher for threads: an asyncio loop of its own in the background.

For the few places that publish outside a worker, such as an HTTP function. A request that also
writes to a database uses the outbox instead.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from delinkcious.errors import Unavailable
from delinkcious.messaging.broker import Broker
from delinkcious.messaging.event import Event
from delinkcious.messaging.loop_thread import LoopThread
from delinkcious.messaging.publisher import Publisher

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
        self._thread = LoopThread("blocking-publisher")

    def start(self) -> None:
        """Begins to connect, and does not wait for it."""
        self._thread.start()
        self._thread.submit(self._broker.open()).result()

    def close(self) -> None:
        """Sends what is buffered, disconnects and ends the thread; it cannot be started again."""
        if self._thread.running:
            self._thread.submit(self._broker.close()).result(_CLOSING)
            self._thread.stop()

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
        publication = self._thread.submit(self._publisher.publish(events))
        try:
            publication.result(self._timeout + _MARGIN)
        except TimeoutError:
            publication.cancel()
            raise Unavailable("The event broker does not answer.") from None
