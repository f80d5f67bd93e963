"""Rebuilding feeds of which Redis knows nothing, or nothing any more (ADR-0022)."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from delinkcious.errors import Unavailable
from delinkcious.object_model.links import MAX_AUTHORS
from delinkcious.object_model.paging import MAX_PAGE_SIZE
from news_service.domain import Entry, FollowNews, LinkNews, recovered
from news_service.metrics import REBUILT
from news_service.ports import NewsStore, Sources

logger = structlog.get_logger()

_ATTEMPTS: Final = 5
_AT_ONCE: Final = 8
_PATIENCE: Final = 1.5


class Rebuilder:
    """Puts feeds together from what other services know.

    Args:
        feed_size: how many links a feed is rebuilt from at most.
        patience: seconds that somebody who wants to read a feed waits for it at most.
    """

    def __init__(
        self, store: NewsStore, sources: Sources, *, feed_size: int, patience: float = _PATIENCE
    ) -> None:
        self._store = store
        self._sources = sources
        self._limit = min(feed_size, MAX_PAGE_SIZE)
        self._patience = patience
        self._running: dict[str, asyncio.Task[bool]] = {}

    async def rebuild(self, username: str) -> None:
        """Rebuilds a feed; what it has of authors whom the user follows stays.

        Raises:
            Unavailable: it cannot be done now.
        """
        for _ in range(_ATTEMPTS):
            version = await self._store.version_of(username)
            following = await self._sources.following(username)
            for start in range(0, len(following), MAX_AUTHORS):
                entries = await self.recover(following[start : start + MAX_AUTHORS], self._limit)
                await self._store.deliver(entries, [username])
            if await self._store.know(username, following, version):
                REBUILT.inc()
                return
        raise Unavailable(f"Whom {username} follows changes all the time.", retry_after=1)

    async def rebuild_all(self) -> int:
        """Rebuilds the feeds of all who follow anybody, a few at once; returns how many.

        Raises:
            Unavailable: it cannot be done now.
        """
        number = 0
        async for usernames in self._sources.readers():
            for start in range(0, len(usernames), _AT_ONCE):
                some = usernames[start : start + _AT_ONCE]
                await asyncio.gather(*map(self.rebuild, some))
                number += len(some)
        return number

    async def try_to(self, username: str) -> bool:
        """Rebuilds a feed because somebody wants to read it; returns whether it is done.

        Whoever wants the same meanwhile waits for it, too. It goes on when they have waited long
        enough, or have gone.
        """
        task = self._running.get(username)
        if task is None:
            task = self._running[username] = asyncio.create_task(self._try(username))
            task.add_done_callback(lambda _: self._running.pop(username))
        await asyncio.wait({task}, timeout=self._patience)
        return task.done() and task.result()

    async def _try(self, username: str) -> bool:
        try:
            await self.rebuild(username)
        except Unavailable as error:
            logger.warning("feed_not_rebuilt", reason=error.detail)
            return False
        return True

    async def is_public(self, news: LinkNews) -> bool:
        """Tells whether a link is public now, as far as its author's newest show it.

        Raises:
            Unavailable: the link service is away.
        """
        latest = await self._sources.latest([news.event.username], MAX_PAGE_SIZE)
        return any(link.id == news.link_id for link in latest)

    async def is_so(self, news: FollowNews) -> bool:
        """Tells whether somebody follows an author, or does not, as the event says.

        Raises:
            Unavailable: the social graph is away.
        """
        return (news.author in await self._sources.following(news.follower)) == news.follows

    async def recover(self, authors: Sequence[str], limit: int) -> list[Entry]:
        """Returns the entries of the newest links of some authors, which can then be delivered.

        Raises:
            Unavailable: the link service or the store is away.
        """
        links = await self._sources.latest(authors, limit)
        return await self._store.recover([recovered(link) for link in links])
