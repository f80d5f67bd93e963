"""In-memory doubles of publishers and of the outbox, for tests without servers.

They keep the promises of the real ones: order, an id published twice is there once, an error if
anything is not safe. One suite of tests runs against both.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from uuid import uuid4

from delinkcious import tracing
from delinkcious.messaging.background import Listener
from delinkcious.messaging.event import Event
from delinkcious.messaging.publisher import EventPublisher, NotAcknowledged
from delinkcious.outbox.entry import Entry


class _Recorder:
    """Remembers what was published, unless told that the broker is down."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.down = False

    def record(self, events: Sequence[Event]) -> None:
        for event in events:
            event.payload()  # refuses what the real one refuses
        if self.down:
            raise NotAcknowledged(events)
        seen = {event.id for event in self.events}
        for event in events:
            if event.id not in seen:
                self.events.append(event)
                seen.add(event.id)


class InMemoryPublisher(_Recorder):
    """An `EventPublisher` that remembers; set ``down`` to let it fail."""

    async def publish(self, events: Sequence[Event]) -> None:
        """Remembers the events."""
        self.record(events)


class InMemoryBlockingPublisher(_Recorder):
    """A `BlockingEventPublisher` that remembers; set ``down`` to let it fail."""

    def publish(self, events: Sequence[Event]) -> None:
        """Remembers the events."""
        self.record(events)


class InMemoryBackgroundBroker:
    """A `SoonPublisher` and `EventSource`: `events` is what was published, `tell` what it hears."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._listeners: list[tuple[str, Listener]] = []
        self._on_connect: list[Callable[[], None]] = []

    def publish_soon(self, event: Event) -> None:
        """Remembers the event, unless it could not be published."""
        with suppress(ValueError):
            event.payload()
            self.events.append(event)

    def listen(self, subject: str, listener: Listener) -> None:
        """Has the listener told by `tell` of the events of a subject."""
        self._listeners.append((subject, listener))

    def on_connect(self, callback: Callable[[], None]) -> None:
        """Has it called by `connect`."""
        self._on_connect.append(callback)

    def tell(self, event: Event) -> None:
        """Lets an event come."""
        for subject, listener in self._listeners:
            if subject == event.type:
                listener(event)

    def connect(self) -> None:
        """Lets a connection begin."""
        for callback in self._on_connect:
            callback()


class InMemoryOutbox:
    """An outbox for in-memory stores: `append` to it what the real store would write."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.entries: list[Entry] = []
        self._unpublished: list[Event] = []

    def append(self, entries: Sequence[Entry]) -> None:
        """Appends the events, in their order."""
        self.entries.extend(entries)
        self._unpublished.extend(self._event(entry) for entry in entries)

    def _event(self, entry: Entry) -> Event:
        return Event(
            id=str(uuid4()),
            type=entry.subject,
            source=self.source,
            key=entry.key,
            data=entry.data,
            time=datetime.now(UTC),
            context=tracing.inject(),
        )

    async def relay(self, publisher: EventPublisher) -> int:
        """Publishes what is not published yet; returns how many."""
        batch = list(self._unpublished)
        await publisher.publish(batch)
        del self._unpublished[: len(batch)]
        return len(batch)
