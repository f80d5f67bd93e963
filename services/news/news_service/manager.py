"""The use cases of news: reading and watching a feed, and telling followers of an event."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Final

from delinkcious.object_model.news import NewsEvent, NewsEventType, NewsPage
from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from news_service.domain import (
    Feed,
    FeedQuery,
    FollowNews,
    LinkNews,
    check_event_id,
    check_query,
    page_token,
)
from news_service.live import Features
from news_service.ports import Followers, NewsStore
from news_service.rebuild import Rebuilder
from news_service.watch import Watchers, Window

LATEST: Final = 20
"""How many of an author's links a new follower gets at least, if there are as many."""

_NEWEST: Final = 100


class NewsManager:
    """Gives out feeds; see `delinkcious.object_model.news.AsyncNewsManager`.

    Args:
        features: returns what is switched on.
    """

    def __init__(
        self,
        store: NewsStore,
        rebuilder: Rebuilder,
        watchers: Watchers,
        features: Callable[[], Features] = Features,
    ) -> None:
        self._store = store
        self._features = features
        self._rebuilder = rebuilder
        self._watchers = watchers

    async def get_news(
        self,
        username: str,
        start_token: str | None = None,
        page_size: int = DEFAULT_PAGE_SIZE,
        author: str | None = None,
    ) -> NewsPage:
        query = check_query(username, start_token, page_size, author)
        found = (await self._read(query, page_size + 1)).events
        page = tuple(found[:page_size])
        more = len(found) > page_size
        return NewsPage(page, page_token(page[-1]) if more else None)

    async def watch_news(
        self, username: str, after: str | None = None, author: str | None = None
    ) -> AsyncGenerator[NewsEvent | None, None]:
        query = check_query(username, None, _NEWEST, author)
        window = Window(check_event_id(after, "after") if after else None)
        with self._watchers.enter() as watcher:
            if after is None:
                newest = (await self._read(query, _NEWEST)).events
                window.skip(newest, whole=len(newest) < _NEWEST)
            yield None
            while not self._watchers.closed:
                for event in await self._fresh(query, window):
                    yield event
                if not await watcher.wait():
                    yield None

    async def _fresh(self, query: FeedQuery, window: Window) -> list[NewsEvent]:
        """Returns what a watcher has not been told yet, oldest first."""
        newest = (await self._read(query, _NEWEST)).events
        if len(newest) == _NEWEST and not window.has_seen(newest[-1]):
            newest = (await self._read(query, MAX_PAGE_SIZE)).events
        return window.fresh(newest)

    async def _read(self, query: FeedQuery, limit: int) -> Feed:
        feed = await self._store.read(query, limit)
        is_lost = not feed.is_known and self._features().rebuilding
        if is_lost and await self._rebuilder.try_to(query.username):
            feed = await self._store.read(query, limit)
        return feed


class NewsDesk:
    """Writes feeds: what an author does becomes news of every follower.

    Every method may be repeated: each feed then still has each event once. If one raises
    Unavailable, what it does is not done, or only in part; repeat it.

    Args:
        fanout_limit: an author with more followers is popular: no feeds are written (ADR-0022).
    """

    def __init__(
        self, store: NewsStore, followers: Followers, rebuilder: Rebuilder, *, fanout_limit: int
    ) -> None:
        self._store = store
        self._followers = followers
        self._rebuilder = rebuilder
        self._fanout_limit = fanout_limit

    async def record(self, news: LinkNews) -> None:
        """Tells the author's followers of an event; or, if it is private, takes back what earlier
        ones told of its link.
        """
        if not news.is_public:
            await self._store.retract(news)
        elif news.event.event_type is NewsEventType.LINK_DELETED or await self._is_current(news):
            await self._tell(news)

    async def follow(self, news: FollowNews) -> None:
        """Brings the author's latest links into a follower's feed; or takes all of the author's
        news out of it.
        """
        if news.event_id < await self._store.began() and not await self._rebuilder.is_so(news):
            return
        is_so = await self._store.follow(news)
        if is_so and news.follows:
            latest = await self._rebuilder.recover([news.author], LATEST)
            await self._store.deliver(latest, [news.follower])
        await self._store.announce()

    async def _is_current(self, news: LinkNews) -> bool:
        """Tells whether a link is still public, if the event is from before the store lost what it
        knew: that it was hidden or deleted since may be among that.
        """
        if news.event.id >= await self._store.began():
            return True
        return await self._rebuilder.is_public(news)

    async def _tell(self, news: LinkNews) -> None:
        # Who follows from now on is told by `follow`: the link service knows the link already.
        followers = await self._followers_of(news.event.username)
        popular = followers is None
        if followers or popular:
            entry = await self._store.tell(news, popular=popular)
            if entry and followers:
                await self._store.deliver([entry], followers)
            await self._store.announce()
        elif news.event.event_type is NewsEventType.LINK_DELETED:
            await self._store.retract(news)

    async def _followers_of(self, author: str) -> Sequence[str] | None:
        """Returns the author's followers, or None if the author is popular."""
        found: list[str] = []
        async for usernames in self._followers.of(author):
            found += usernames
            if len(found) > self._fanout_limit:
                return None
        return found
