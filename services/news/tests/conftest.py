"""The news store on Redis and its double, events to put in, and a social graph to ask."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from delinkcious.object_model.news import NewsEvent, NewsEventType
from delinkcious.redis import AsyncRedis, RedisAddress
from delinkcious.testing.addresses import RedisAddress as TestRedis
from news_service.domain import LinkNews
from news_service.memory import InMemoryNewsStore
from news_service.ports import NewsStore
from news_service.redis import RedisNewsStore

FEED_SIZE = 10
RETENTION = timedelta(days=30)


def event_id(number: int) -> str:
    """The ``number``-th id; ids of version 7 sort by time, as these do by number."""
    return str(UUID(int=(number << 80) | (7 << 76) | (2 << 62)))


def news_of(
    number: int,
    *,
    link_id: int = 1,
    is_public: bool = True,
    event_type: NewsEventType = NewsEventType.LINK_ADDED,
    age: timedelta = timedelta(0),
) -> LinkNews:
    """What alice did, by the number of its event."""
    event = NewsEvent(
        id=event_id(number),
        event_type=event_type,
        username="alice",
        url=f"https://example.com/{link_id}",
        title=f"News {number}",
        timestamp=datetime.now(UTC) - age,
    )
    return LinkNews(event, link_id, is_public)


class Graph:
    """A social graph of which a test says who follows whom; see `news_service.ports.Followers`."""

    def __init__(self) -> None:
        self.followers: dict[str, list[str]] = {}
        self.group = 2

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
        yield redis


MakeStore = Callable[..., NewsStore]


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest) -> NewsStore:
    """Each test that asks for a store runs on the double and on the real one."""
    if request.param == "memory":
        return InMemoryNewsStore(FEED_SIZE, RETENTION)
    redis: AsyncRedis = request.getfixturevalue("redis")
    return RedisNewsStore(redis, feed_size=FEED_SIZE, retention=RETENTION)
