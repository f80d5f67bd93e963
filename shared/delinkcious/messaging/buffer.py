"""Events that wait to be published: a bounded number, of which the oldest give way."""

import threading
from collections import deque
from collections.abc import Sequence

import structlog

from delinkcious.messaging.event import Event
from delinkcious.messaging.metrics import DROPPED, WAITING

logger = structlog.get_logger()


class EventBuffer:
    """For any thread. What is dropped is counted, and logged once until the buffer is empty."""

    def __init__(self, size: int) -> None:
        """Takes how many events it holds at most."""
        self._size = size
        self._events: deque[Event] = deque()
        self._lock = threading.Lock()
        self._overflowing = False

    def __len__(self) -> int:
        return len(self._events)

    def add(self, event: Event) -> bool:
        """Adds an event; tells whether it is alone."""
        with self._lock:
            self._events.append(event)
            self._make_room()
            return len(self._events) == 1

    def take(self, number: int) -> list[Event]:
        """Takes out the oldest."""
        with self._lock:
            taken = [self._events.popleft() for _ in range(min(number, len(self._events)))]
            WAITING.set(len(self._events))
            if not self._events:
                self._overflowing = False
            return taken

    def put_back(self, events: Sequence[Event]) -> None:
        """Puts what was taken out back to where it was."""
        with self._lock:
            self._events.extendleft(reversed(events))
            self._make_room()

    def _make_room(self) -> None:
        while len(self._events) > self._size:
            dropped = self._events.popleft()
            DROPPED.labels(dropped.type, "overflow").inc()
            if not self._overflowing:
                self._overflowing = True
                logger.warning("events_dropped", reason="overflow", size=self._size)
        WAITING.set(len(self._events))
