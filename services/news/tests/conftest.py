"""The news store on Redis and its double, events to put in, and a social graph to ask."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from delinkcious.errors import Unavailable
from delinkcious.object_model.links import PublicLink
from delinkcious.object_model.news import NewsEvent, NewsEventType
from delinkcious.redis import AsyncRedis, RedisAddress
from delinkcious.testing.addresses import RedisAddress as TestRedis
from news_service.domain import FollowNews, LinkNews
from news_service.manager import NewsDesk, NewsManager
from news_service.memory import InMemoryNewsStore
from news_service.ports import NewsStore
from news_service.rebuild import Rebuilder
from news_service.redis import RedisNewsStore
from news_service.watch import Watchers

FEED_SIZE = 10
RETENTION = timedelta(days=30)


def event_id(number: int) -> str:
    """The ``number``-th id; ids of version 7 sort by time, as these do by number."""
    return str(UUID(int=(number << 80) | (7 << 76) | (2 << 62)))


def news_of(
    number: int,
    *,
    link_id: int | None = None,
    is_public: bool = True,
    event_type: NewsEventType = NewsEventType.LINK_ADDED,
    age: timedelta = timedelta(0),
    author: str = "alice",
) -> LinkNews:
    """What an author did, by the number of its event; each is of another link by default."""
    event = NewsEvent(
        id=event_id(number),
        event_type=event_type,
        username=author,
        url=f"https://example.com/{link_id or number}",
        title=f"News {number}",
        timestamp=datetime.now(UTC) - age,
    )
    return LinkNews(event, link_id or number, is_public)


class Graph:
    """What other services know, as a test says: who follows whom, and which links there are; see
    `news_service.ports.Followers` and `Sources`.
    """

    def __init__(self) -> None:
        self.followers: dict[str, list[str]] = {}
        self.links: list[PublicLink] = []
        self.group = 2
        self.is_away = False
        self.rebuilds = 0

    def add_link(self, number: int, author: str = "alice") -> None:
        """Adds the ``number``-th link; those with greater numbers are newer."""
        added_at = datetime.now(UTC) + timedelta(milliseconds=number - 1000)
        url, title = f"https://example.com/{number}", f"Link {number}"
        self.links.append(PublicLink(author, number, url, title, (), added_at))

    async def following(self, username: str) -> Sequence[str]:
        self._check()
        self.rebuilds += 1
        return sorted(author for author, names in self.followers.items() if username in names)

    async def latest(self, authors: Sequence[str], limit: int) -> Sequence[PublicLink]:
        self._check()
        links = [link for link in self.links if link.author in authors]
        return sorted(links, key=lambda link: link.added_at, reverse=True)[:limit]

    async def readers(self) -> AsyncIterator[Sequence[str]]:
        self._check()
        yield sorted({name for names in self.followers.values() for name in names})

    def _check(self) -> None:
        if self.is_away:
            raise Unavailable("It is away.")

    async def of(self, username: str) -> AsyncIterator[Sequence[str]]:
        names = self.followers.get(username, [])
        for start in range(0, len(names), self.group):
            yield names[start : start + self.group]


@pytest.fixture
def graph() -> Graph:
    """Bob and carol follow alice."""
    graph = Graph()
    graph.followers = {"alice": ["bob", "carol"]}
    return graph


@pytest.fixture
async def redis(redis_address: TestRedis) -> AsyncIterator[AsyncRedis]:
    """An empty Redis."""
    address = RedisAddress(redis_address.host, redis_address.port, redis_address.password)
    async with AsyncRedis("redis", address) as redis:
        await redis.client.set("began", "0")  # it has never lost anything
        yield redis


def follow_of(
    number: int, *, follower: str = "bob", author: str = "alice", follows: bool = True
) -> FollowNews:
    """Somebody begins to follow, or ceases to, by the number of its event."""
    return FollowNews(event_id(number), follower, author, follows)


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest) -> NewsStore:
    """Each test that asks for a store runs on the double and on the real one."""
    if request.param == "memory":
        return InMemoryNewsStore(FEED_SIZE, RETENTION)
    redis: AsyncRedis = request.getfixturevalue("redis")
    return RedisNewsStore(redis, feed_size=FEED_SIZE, retention=RETENTION)


FANOUT_LIMIT = 10
"""An author with more followers is popular, in tests."""


def desk_of(store: NewsStore, graph: Graph, fanout_limit: int = FANOUT_LIMIT) -> NewsDesk:
    return NewsDesk(store, graph, rebuilder_of(store, graph), fanout_limit=fanout_limit)


def rebuilder_of(store: NewsStore, graph: Graph) -> Rebuilder:
    return Rebuilder(store, graph, feed_size=FEED_SIZE)


@pytest.fixture
def watchers() -> Watchers:
    return Watchers(limit=3, heartbeat=0.5)


@pytest.fixture
def manager(store: NewsStore, graph: Graph, watchers: Watchers) -> NewsManager:
    return NewsManager(store, rebuilder_of(store, graph), watchers)


@pytest.fixture
def desk(store: NewsStore, graph: Graph) -> NewsDesk:
    return desk_of(store, graph)
