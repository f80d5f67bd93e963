"""What the news managers need from outside."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from delinkcious.object_model.news import NewsEvent
from news_service.domain import FeedQuery, LinkNews


class NewsStore(Protocol):
    """Where feeds are kept. Whatever is done twice is as if it were done once."""

    async def read(self, query: FeedQuery, limit: int) -> list[NewsEvent]:
        """Returns the newest readable events of a feed before a place, at most ``limit``."""
        ...

    async def publish(self, news: LinkNews) -> bool:
        """Stores what is told of a link, for every feed that names it.

        Returns:
            False if the link was retracted by a later event, so there is nothing to tell.
        """
        ...

    async def deliver(self, event_id: str, usernames: Sequence[str]) -> None:
        """Puts a published event into the feeds of these users."""
        ...

    async def retract(self, news: LinkNews) -> None:
        """Makes everything unreadable, in every feed, that was told of the link before this event,
        now and whenever an older event comes late.
        """
        ...


class Followers(Protocol):
    """Who follows whom, as another service knows it."""

    def of(self, username: str) -> AsyncIterator[Sequence[str]]:
        """Yields everybody who follows the user, in large groups, none of them empty.

        Raises:
            Unavailable: nobody can tell now.
        """
        ...
