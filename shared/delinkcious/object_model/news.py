"""News: what the people whom a user follows did with their links."""

from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE


class NewsEventType(StrEnum):
    """What happened to a link."""

    LINK_ADDED = "link_added"
    LINK_UPDATED = "link_updated"
    LINK_DELETED = "link_deleted"


@dataclass(frozen=True, slots=True)
class NewsEvent:
    """One entry of a feed.

    Attributes:
        id: of the event that caused it; ids sort by time.
        username: who did it.
    """

    id: str
    event_type: NewsEventType
    username: str
    url: str
    title: str
    timestamp: datetime


@dataclass(frozen=True, slots=True)
class NewsPage:
    """A page of a feed, newest first."""

    events: tuple[NewsEvent, ...]
    next_token: str | None


class NewsWatch(Protocol):
    """What comes into a feed, as it comes: an event, or None as a sign of life."""

    def __iter__(self) -> Iterator[NewsEvent | None]: ...

    def close(self) -> None:
        """Ends it, from whatever thread: whoever waits for the next event gets none."""
        ...


class NewsManager(Protocol):
    """Keeps a feed for each user; for threads."""

    def get_news(
        self,
        username: str,
        start_token: str | None = None,
        page_size: int = DEFAULT_PAGE_SIZE,
        author: str | None = None,
    ) -> NewsPage:
        """Returns a page of the user's feed: ``page_size`` events, unless it is the last page.

        Args:
            author: for what this one did only.

        Raises:
            InvalidArgument: naming each wrong field.
        """
        ...

    def watch_news(
        self, username: str, after: str | None = None, author: str | None = None
    ) -> NewsWatch:
        """Returns what comes into the user's feed, first of all what came after an event.

        Begins with a sign of life. Ends when the service stops. Iterating raises:
            InvalidArgument: naming each wrong field.
            ResourceExhausted: there are too many watchers.
            Unavailable: the service does not answer any more.
        """
        ...


class AsyncNewsManager(Protocol):
    """The same for asyncio, which the service itself is written in."""

    async def get_news(
        self,
        username: str,
        start_token: str | None = None,
        page_size: int = DEFAULT_PAGE_SIZE,
        author: str | None = None,
    ) -> NewsPage:
        """See `NewsManager.get_news`."""
        ...

    def watch_news(
        self, username: str, after: str | None = None, author: str | None = None
    ) -> AsyncGenerator[NewsEvent | None, None]:
        """See `NewsManager.watch_news`."""
        ...
