"""Whatever the order in which events come, the feed is that of a simple model; on both stores.

Events come as two workers bring them: in any order, some of them again, while feeds are read.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delinkcious.object_model.links import PublicLink
from delinkcious.object_model.news import NewsEvent, NewsEventType
from delinkcious.redis import AsyncRedis, RedisAddress
from delinkcious.testing.addresses import RedisAddress as ServerAddress
from news_service.domain import FollowNews, LinkNews
from news_service.manager import NewsDesk, NewsManager
from news_service.memory import InMemoryNewsStore
from news_service.ports import NewsStore
from news_service.redis import RedisNewsStore
from news_service.watch import Watchers

from .conftest import FANOUT_LIMIT, RETENTION, Graph, desk_of, follow_of, news_of, rebuilder_of

AUTHORS = ("alice", "eve", "star")
CROWD = [f"fan{number}" for number in range(FANOUT_LIMIT)]
ADDED, UPDATED, DELETED = NewsEventType

Happening = LinkNews | FollowNews


@dataclass
class History:
    """What happened, oldest first, and what has come of it."""

    happenings: list[Happening] = field(default_factory=list)
    follows: set[str] = field(default_factory=lambda: set(AUTHORS))
    links: dict[int, LinkNews] = field(default_factory=dict)
    ends: dict[int, str] = field(default_factory=dict)

    def told(self) -> list[str]:
        """The ids of what may be told at the end, newest first: of each link, what happened since
        it was hidden last, or that it was deleted.
        """
        return [
            news.event.id
            for news in reversed(self.happenings)
            if isinstance(news, LinkNews)
            and news.is_public
            and news.event.id >= self.ends.get(news.link_id, "")
        ]

    def graph(self) -> Graph:
        """What the other services know at the end."""
        graph = Graph()
        for author in self.follows:
            graph.followers[author] = ["bob"]
        graph.followers.setdefault("star", []).extend(CROWD)
        now = datetime.now(UTC)
        graph.links = [
            PublicLink(news.event.username, number, news.event.url, "from its service", (), now)
            for number, news in self.links.items()
            if news.is_public
        ]
        return graph


@st.composite
def histories(draw: st.DrawFn, *, follows: bool) -> History:
    history = History()
    for number in range(1, draw(st.integers(1, 16))):
        author = draw(st.sampled_from(AUTHORS))
        if follows and draw(st.integers(0, 3)) == 0:
            history.follows ^= {author}
            begins = author in history.follows
            history.happenings.append(follow_of(number, author=author, follows=begins))
        else:
            _change_a_link(draw, history, number, author)
    return history


def _change_a_link(draw: st.DrawFn, history: History, number: int, author: str) -> None:
    mine = [n for n, news in history.links.items() if news.event.username == author]
    link_id = draw(st.sampled_from([number, *mine]))
    kind, is_public = ADDED, draw(st.integers(0, 3)) > 0
    if link_id in history.links:
        kind = draw(st.sampled_from([UPDATED, UPDATED, DELETED]))
        is_public = history.links[link_id].is_public if kind is DELETED else is_public
    news = news_of(number, link_id=link_id, is_public=is_public, event_type=kind, author=author)
    history.happenings.append(news)
    history.links[link_id] = news
    if kind is DELETED:
        del history.links[link_id]
    if kind is DELETED or not is_public:
        history.ends[link_id] = news.event.id


def arrivals(history: History) -> st.SearchStrategy[tuple[History, list[Happening]]]:
    """Every event at least once, some again, in any order."""
    if not history.happenings:
        return st.just((history, []))
    again = st.lists(st.sampled_from(history.happenings), max_size=6)
    orders = again.flatmap(lambda more: st.permutations([*history.happenings, *more]))
    return orders.map(lambda order: (history, order))


Tale = tuple[History, list[Happening]]
Run = Callable[[Callable[[NewsStore], Awaitable[None]]], None]


@pytest.fixture(
    scope="module", params=["memory", pytest.param("redis", marks=pytest.mark.integration)]
)
def run(request: pytest.FixtureRequest) -> Run:
    """Runs something with an empty store, again and again."""
    if request.param == "memory":
        return lambda test: asyncio.run(test(InMemoryNewsStore(1000, RETENTION)))  # type: ignore[arg-type]
    server: ServerAddress = request.getfixturevalue("redis_server")
    address = RedisAddress(server.host, server.port, server.password)

    async def on_redis(test: Callable[[NewsStore], Awaitable[None]]) -> None:
        async with AsyncRedis("redis", address) as redis:
            await redis.client.flushall()
            await redis.client.set("began", "0")
            await test(RedisNewsStore(redis, feed_size=1000, retention=RETENTION))

    return lambda test: asyncio.run(on_redis(test))


async def read_all(manager: NewsManager, page_size: int) -> list[NewsEvent]:
    found: list[NewsEvent] = []
    token = None
    while True:
        page = await manager.get_news("bob", token, page_size)
        found += page.events
        token = page.next_token
        if token is None:
            return found


async def play(
    store: NewsStore, graph: Graph, order: Sequence[Happening], looks: set[int], page_size: int
) -> list[NewsEvent]:
    """Has the events recorded, two at a time, while the feed is read now and then."""
    manager = NewsManager(store, rebuilder_of(store, graph), Watchers(1, 1))
    desk = desk_of(store, graph)
    for start in range(0, len(order), 2):
        if start in looks:
            await manager.get_news("bob")
        await asyncio.gather(*(_record(desk, news) for news in order[start : start + 2]))
    return await read_all(manager, page_size)


async def _record(desk: NewsDesk, news: Happening) -> None:
    if isinstance(news, LinkNews):
        await desk.record(news)
    else:
        await desk.follow(news)


LOOKS = st.sets(st.sampled_from(range(0, 22, 2)), max_size=3)


@given(tale=histories(follows=False).flatmap(arrivals), looks=LOOKS, page_size=st.integers(1, 5))
@settings(max_examples=settings().max_examples * 3 // 2)
def test_a_feed_has_what_may_be_told_each_once_newest_first(
    run: Run, tale: Tale, looks: set[int], page_size: int
) -> None:
    history, order = tale

    async def test(store: NewsStore) -> None:
        graph = history.graph()
        graph.links = []  # nothing is lost, so nothing has to be recovered
        feed = await play(store, graph, order, looks, page_size)
        assert [event.id for event in feed] == history.told()

    run(test)


@given(tale=histories(follows=True).flatmap(arrivals), looks=LOOKS, page_size=st.integers(1, 5))
@settings(max_examples=settings().max_examples * 3 // 2)
def test_whoever_follows_reads_of_every_link_and_of_nobody_elses(
    run: Run, tale: Tale, looks: set[int], page_size: int
) -> None:
    history, order = tale

    async def test(store: NewsStore) -> None:
        feed = await play(store, history.graph(), order, looks, page_size)
        assert len({event.id for event in feed}) == len(feed)
        assert sorted((event.id for event in feed), reverse=True) == [event.id for event in feed]
        assert {event.username for event in feed} <= history.follows
        added = [event.url for event in feed if event.event_type is ADDED]
        assert len(set(added)) == len(added)
        for event in feed:
            assert event.title == "from its service" or event.id in history.told()
        never_hidden = {
            news.event.url
            for number, news in history.links.items()
            if number not in history.ends and news.event.username in history.follows
        }
        assert never_hidden <= {event.url for event in feed}

    run(test)
