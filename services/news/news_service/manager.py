"""The use cases of news: reading a feed, and telling followers of an event."""

from delinkcious.object_model.news import NewsPage
from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE
from news_service.domain import LinkNews, check_query, page_token
from news_service.ports import Followers, NewsStore


class NewsManager:
    """Gives out feeds; see `delinkcious.object_model.news.AsyncNewsManager`."""

    def __init__(self, store: NewsStore) -> None:
        self._store = store

    async def get_news(
        self, username: str, start_token: str | None = None, page_size: int = DEFAULT_PAGE_SIZE
    ) -> NewsPage:
        query = check_query(username, start_token, page_size)
        found = await self._store.read(query, page_size + 1)
        page = tuple(found[:page_size])
        more = len(found) > page_size
        return NewsPage(page, page_token(page[-1]) if more else None)


class NewsDesk:
    """Writes feeds: what an author does becomes news of every follower."""

    def __init__(self, store: NewsStore, followers: Followers) -> None:
        self._store = store
        self._followers = followers

    async def record(self, news: LinkNews) -> None:
        """Tells the author's followers of an event; or, if it is private, takes back what earlier
        ones told of its link.

        May be repeated: each feed then still has the event once.

        Raises:
            Unavailable: it is not done, or only in part; repeat it.
        """
        if news.is_public:
            await self._tell(news)
        else:
            await self._store.retract(news)

    async def _tell(self, news: LinkNews) -> None:
        published = False
        async for usernames in self._followers.of(news.event.username):
            # First what is told, then who is told it: no feed names an event that is not there yet.
            published = published or await self._store.publish(news)
            if not published:
                return
            await self._store.deliver(news.event.id, usernames)
