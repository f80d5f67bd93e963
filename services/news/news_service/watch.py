"""Watching feeds: who waits for news, and what each of them has seen."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import Final

import structlog

from delinkcious.errors import ResourceExhausted, Unavailable
from delinkcious.object_model.news import NewsEvent
from news_service.metrics import WATCHERS
from news_service.ports import NewsStore

logger = structlog.get_logger()

_PAUSE: Final = 0.2
_RETRY: Final = 1.0
_REMEMBERED: Final = 2000


class Watcher:
    """One who waits for news.

    Args:
        heartbeat: seconds to wait at most.
    """

    def __init__(self, heartbeat: float) -> None:
        self._heartbeat = heartbeat
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Lets the one who waits look."""
        self._woken.set()

    async def wait(self) -> bool:
        """Returns whether there may be news, or else that it has been quiet for a while.

        Not more often than a few times a second, however many news there are.
        """
        await asyncio.sleep(_PAUSE)
        try:
            async with asyncio.timeout(self._heartbeat):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True


class Watchers:
    """All who wait for news in this process.

    An announcement wakes all of them, whosever news it is: each looks for itself, a few times a
    second at most, which costs less than to tell whom it concerns.

    Args:
        limit: how many there may be.
        heartbeat: seconds after which those who wait give a sign of life.
    """

    def __init__(self, limit: int, heartbeat: float) -> None:
        self.closed = False
        self._limit = limit
        self._heartbeat = heartbeat
        self._watchers: set[Watcher] = set()

    @contextmanager
    def enter(self) -> Iterator[Watcher]:
        """Gives a place among those who wait.

        Raises:
            ResourceExhausted: there is none left.
        """
        if len(self._watchers) >= self._limit:
            raise ResourceExhausted("There are too many who watch their news.", retry_after=5)
        watcher = Watcher(self._heartbeat)
        self._watchers.add(watcher)
        WATCHERS.set(len(self._watchers))
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)
            WATCHERS.set(len(self._watchers))

    def close(self) -> None:
        """Sends all of them home."""
        self.closed = True
        self.wake()

    def wake(self) -> None:
        """Lets all of them look."""
        for watcher in self._watchers:
            watcher.wake()

    async def run(self, store: NewsStore) -> None:
        """Wakes them at every announcement, until cancelled."""
        while True:
            try:
                async with aclosing(store.rings()) as rings:
                    async for _ in rings:
                        self.wake()
            except Unavailable as error:
                logger.warning("announcements_not_heard", reason=error.detail)
            await asyncio.sleep(_RETRY)


class Window:
    """What one watcher has seen of the newest events of a feed.

    News come late now and then, with an id that sorts before others; they are news all the same,
    as are those of an author who has just been followed. What was there when the watch began, and
    what is older, is not.

    Args:
        after: the id of the last event that the watcher has from before.
    """

    def __init__(self, after: str | None) -> None:
        self._floor = after or ""
        self._seen: set[str] = set()

    def skip(self, newest: Sequence[NewsEvent], *, whole: bool) -> None:
        """Takes all these for seen, and what is older, unless they are the whole feed."""
        self._seen.update(event.id for event in newest)
        if not whole:
            self._floor = newest[-1].id

    def has_seen(self, event: NewsEvent) -> bool:
        """Tells whether an event is no news."""
        return event.id <= self._floor or event.id in self._seen

    def fresh(self, newest: Sequence[NewsEvent]) -> list[NewsEvent]:
        """Returns those that are news, oldest first, and remembers them."""
        found = [event for event in reversed(newest) if not self.has_seen(event)]
        self._seen.update(event.id for event in found)
        if len(self._seen) > _REMEMBERED:
            kept = sorted(self._seen)[-_REMEMBERED // 2 :]
            self._floor = max(self._floor, kept[0])
            self._seen = set(kept)
        return found
