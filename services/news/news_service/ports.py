"""What the news managers need from outside."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Protocol

from delinkcious.deletion import DeletedUser
from delinkcious.object_model.links import PublicLink
from news_service.domain import Entry, Feed, FeedQuery, FollowNews, LinkNews


class NewsStore(Protocol):
    """Where feeds are kept. Whatever is done twice is as if it were done once."""

    async def read(self, query: FeedQuery, limit: int) -> Feed:
        """Returns the newest readable events before a place, at most ``limit``: of the feed and of
        the popular authors whom its reader follows, but for authors whom the reader does not follow
        any more. What is not known of the reader hides nothing.
        """
        ...

    async def began(self) -> str:
        """Returns the id from which on it knows of all events that it was ever given: it has lost
        what it knew of those before, if it knew them.
        """
        ...

    async def tell(self, news: LinkNews, *, popular: bool) -> Entry | None:
        """Stores what is told of a link, for every feed that names it. What older events told of a
        deleted link becomes unreadable.

        Args:
            popular: whether the author is popular from now on, so all followers can read it at
                once, and no feed needs to name it.

        Returns:
            The entry to be delivered: that of the event, or of what told the same before; None if
            the link was retracted by a later event, so there is nothing to tell.
        """
        ...

    async def recover(self, news: Sequence[LinkNews]) -> list[Entry]:
        """Stores what the link service says of links, unless more is known of them.

        Returns:
            What is told of each of them, those left out of which nothing may be told.
        """
        ...

    async def deliver(self, entries: Sequence[Entry], usernames: Sequence[str]) -> None:
        """Puts entries into the feeds of these users."""
        ...

    async def retract(self, news: LinkNews) -> None:
        """Makes everything unreadable, in every feed, that was told of the link before this event,
        now and whenever an older event comes late.
        """
        ...

    async def follow(self, news: FollowNews) -> bool:
        """Stores whether somebody follows an author; who does not, loses the author's entries
        from before that.

        Returns:
            False if a later event of the two is known, so it is not so any more.
        """
        ...

    async def version_of(self, username: str) -> str:
        """Returns what `follow` changes whenever it changes whom a user follows."""
        ...

    async def know(self, username: str, following: Sequence[str], version: str) -> bool:
        """Stores whom a user follows.

        Returns:
            False, and does nothing, if `follow` has changed it since it had that version.
        """
        ...

    async def purge_some(self, user: DeletedUser) -> bool:
        """Removes some of what there is of a deleted user: the own feed, and what others read of
        the user. From the first call on, all the methods above pass over what is older than the
        next account of that name.

        Returns:
            Whether nothing is left.
        """
        ...

    async def announce(self) -> None:
        """Wakes those who wait for `rings`: something may have come into their feeds."""
        ...

    def rings(self) -> AsyncGenerator[None, None]:
        """Yields when waiting begins and at each announcement from then on, until it breaks off.

        Raises:
            Unavailable: announcements are not heard any more.
        """
        ...


class Followers(Protocol):
    """Who follows an author, as another service knows it."""

    def of(self, username: str) -> AsyncIterator[Sequence[str]]:
        """Yields everybody who follows the user, in large groups, none of them empty.

        Raises:
            Unavailable: nobody can tell now.
        """
        ...


class Sources(Protocol):
    """What feeds are rebuilt from, as other services know it."""

    async def following(self, username: str) -> Sequence[str]:
        """Returns all whom a user follows.

        Raises:
            Unavailable: nobody can tell now.
        """
        ...

    async def latest(self, authors: Sequence[str], limit: int) -> Sequence[PublicLink]:
        """Returns the newest public links of some authors together.

        Raises:
            Unavailable: nobody can tell now.
        """
        ...

    def readers(self) -> AsyncIterator[Sequence[str]]:
        """Yields all those who follow anybody, in large groups.

        Raises:
            Unavailable: nobody can tell now.
        """
        ...
