"""Feeds of which the store knows nothing: rebuilt when read, and by command; on both stores."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from delinkcious.errors import Unavailable
from delinkcious.object_model.links import MAX_AUTHORS, PublicLink
from delinkcious.object_model.news import NewsEventType
from delinkcious.redis import AsyncRedis
from news_service.domain import FeedQuery, LinkNews, first_id
from news_service.live import Features
from news_service.manager import NewsDesk, NewsManager
from news_service.memory import InMemoryNewsStore
from news_service.ports import NewsStore
from news_service.rebuild import Rebuilder
from news_service.redis import RedisNewsStore
from news_service.watch import Watchers

from .conftest import (
    FEED_SIZE,
    RETENTION,
    Graph,
    desk_of,
    follow_of,
    news_of,
    rebuilder_of,
)


@pytest.fixture
def graph() -> Graph:
    """Bob and carol follow alice, bob follows eve; both have links."""
    graph = Graph()
    graph.followers = {"alice": ["bob", "carol"], "eve": ["bob"]}
    for number in range(1, 5):
        graph.add_link(number, "alice" if number % 2 else "eve")
    graph.add_link(5, "somebody else")
    return graph


async def titles(manager: NewsManager, username: str = "bob") -> list[str]:
    return [event.title for event in (await manager.get_news(username)).events]


async def test_who_reads_a_feed_that_is_not_known_reads_it_rebuilt(
    manager: NewsManager, graph: Graph
) -> None:
    assert await titles(manager) == ["Link 4", "Link 3", "Link 2", "Link 1"]
    assert await titles(manager, "carol") == ["Link 3", "Link 1"]
    assert await titles(manager, "dave") == []
    await titles(manager)
    assert graph.rebuilds == 3


async def test_the_author_adds_links_when_they_were_added(
    manager: NewsManager, graph: Graph
) -> None:
    page = await manager.get_news("carol")
    assert [(event.event_type, event.username, event.timestamp) for event in page.events] == [
        (NewsEventType.LINK_ADDED, "alice", link.added_at)
        for link in sorted(graph.links, key=lambda link: link.id, reverse=True)
        if link.author == "alice"
    ]


async def test_pages_of_what_was_rebuilt_follow_one_another(manager: NewsManager) -> None:
    first = await manager.get_news("bob", None, 3)
    second = await manager.get_news("bob", first.next_token, 3)
    assert [event.title for event in (*first.events, *second.events)] == [
        "Link 4",
        "Link 3",
        "Link 2",
        "Link 1",
    ]


async def test_a_feed_is_rebuilt_to_its_size(manager: NewsManager, graph: Graph) -> None:
    for number in range(10, 10 + FEED_SIZE):
        graph.add_link(number)
    found = await titles(manager)
    assert found == [f"Link {number}" for number in range(9 + FEED_SIZE, 9, -1)]


async def test_it_is_rebuilt_once_for_all_who_want_it_at_the_same_time(
    manager: NewsManager, graph: Graph
) -> None:
    found = await asyncio.gather(*(titles(manager) for _ in range(5)))
    assert {tuple(each) for each in found} == {("Link 4", "Link 3", "Link 2", "Link 1")}
    assert graph.rebuilds == 1


async def test_what_can_not_be_rebuilt_now_shows_what_there_is_and_is_rebuilt_later(
    manager: NewsManager, desk: NewsDesk, graph: Graph
) -> None:
    graph.is_away = True
    await desk.record(news_of(900, link_id=900))
    assert await titles(manager) == ["News 900"]
    graph.is_away = False
    assert await titles(manager) == ["Link 4", "Link 3", "Link 2", "Link 1", "News 900"]


async def test_nothing_is_rebuilt_while_that_is_switched_off(
    store: NewsStore, graph: Graph
) -> None:
    now = Features(rebuilding=False)
    manager = NewsManager(store, rebuilder_of(store, graph), Watchers(1, 1), lambda: now)
    assert await titles(manager) == []
    now = Features()
    assert await titles(manager) == ["Link 4", "Link 3", "Link 2", "Link 1"]


async def test_what_takes_too_long_shows_what_there_is_and_goes_on(
    store: NewsStore, desk: NewsDesk, graph: Graph
) -> None:
    go_on = asyncio.Event()

    class Slow(Graph):
        async def following(self, username: str) -> Sequence[str]:
            await go_on.wait()
            return await super().following(username)

    slow = Slow()
    slow.links, slow.followers = graph.links, graph.followers
    rebuilder = Rebuilder(store, slow, feed_size=FEED_SIZE, patience=0.05)
    manager = NewsManager(store, rebuilder, Watchers(1, 1))
    await desk.record(news_of(900, link_id=900))
    assert await titles(manager) == ["News 900"]
    go_on.set()
    assert await titles(manager) == ["Link 4", "Link 3", "Link 2", "Link 1", "News 900"]
    assert slow.rebuilds == 1


async def test_news_that_come_before_and_after_are_there_once(
    manager: NewsManager, desk: NewsDesk
) -> None:
    await desk.record(news_of(901, link_id=1))
    assert await titles(manager) == ["Link 4", "Link 3", "Link 2", "News 901"]
    await desk.record(news_of(903, link_id=3))
    assert await titles(manager) == ["Link 4", "Link 3", "Link 2", "News 901"]


async def test_what_is_hidden_or_deleted_stays_so(
    store: NewsStore, manager: NewsManager, desk: NewsDesk, graph: Graph
) -> None:
    await titles(manager)
    last = "ffffffff-ffff-7fff-8fff-fffffffffff"
    await desk.record(_at(f"{last}0", link_id=3, is_public=False))
    await desk.record(_at(f"{last}1", link_id=1, event_type=NewsEventType.LINK_DELETED))
    await rebuilder_of(store, graph).rebuild("bob")
    assert await titles(manager) == ["deleted", "Link 4", "Link 2"]


async def test_who_follows_somebody_meanwhile_is_asked_for_again(
    store: NewsStore, manager: NewsManager, desk: NewsDesk, graph: Graph
) -> None:
    class Slow(Graph):
        async def latest(self, authors: Sequence[str], limit: int) -> Sequence[PublicLink]:
            if self.rebuilds == 1:
                graph.followers["eve"] = []
                await desk.follow(follow_of(1, author="eve", follows=False))
            return await super().latest(authors, limit)

    slow = Slow()
    slow.links, slow.followers = graph.links, graph.followers
    await rebuilder_of(store, slow).rebuild("bob")
    assert slow.rebuilds == 2
    assert await titles(manager) == ["Link 3", "Link 1"]
    assert graph.rebuilds == 0


async def test_entries_of_those_who_are_not_followed_leave(
    store: NewsStore, manager: NewsManager, desk: NewsDesk, graph: Graph
) -> None:
    await desk.record(news_of(900))
    await titles(manager)
    graph.followers["alice"] = ["carol"]
    await rebuilder_of(store, graph).rebuild("bob")
    assert await titles(manager) == ["Link 4", "Link 2"]


async def test_all_feeds_are_rebuilt_by_one_command(
    store: NewsStore, manager: NewsManager, graph: Graph
) -> None:
    assert await rebuilder_of(store, graph).rebuild_all() == 2
    graph.is_away = True
    assert await titles(manager, "carol") == ["Link 3", "Link 1"]
    with pytest.raises(Unavailable):
        await rebuilder_of(store, graph).rebuild_all()


async def test_many_authors_are_asked_for_in_groups(store: NewsStore) -> None:
    groups: list[int] = []

    class Crowd(Graph):
        async def latest(self, authors: Sequence[str], limit: int) -> Sequence[PublicLink]:
            groups.append(len(authors))
            return await super().latest(authors, limit)

    crowd = Crowd()
    crowd.followers = {f"author{number}": ["bob"] for number in range(MAX_AUTHORS + 7)}
    await rebuilder_of(store, crowd).rebuild("bob")
    assert groups == [MAX_AUTHORS, 7]


LOST = "00000000-4000-7000-8000-000000000000"
"""Newer than all events that tests have: the store may have known more about them."""


@pytest.fixture
async def losing(store: NewsStore, request: pytest.FixtureRequest) -> NewsStore:
    """The store, after it has lost everything."""
    if isinstance(store, RedisNewsStore):
        redis: AsyncRedis = request.getfixturevalue("redis")
        await redis.client.set("began", LOST)
        return store
    return InMemoryNewsStore(FEED_SIZE, RETENTION, began=LOST)


async def test_an_event_of_before_the_loss_is_told_if_its_link_is_still_public(
    losing: NewsStore, graph: Graph
) -> None:
    """That it was hidden may have been known, and lost."""
    desk = desk_of(losing, graph)
    await desk.record(news_of(1, link_id=1))
    await desk.record(news_of(2, link_id=2000))
    await desk.record(news_of(3, link_id=3000, event_type=NewsEventType.LINK_DELETED))
    feed = await losing.read(FeedQuery("bob", None, 10), 10)
    assert [event.title for event in feed.events] == ["News 3", "News 1"]


async def test_a_follow_of_before_the_loss_counts_if_it_is_still_so(
    losing: NewsStore, graph: Graph
) -> None:
    desk = desk_of(losing, graph)
    manager = NewsManager(losing, rebuilder_of(losing, graph), Watchers(1, 1))
    await titles(manager)
    await desk.follow(follow_of(1, author="somebody else"))
    await desk.follow(follow_of(2, author="alice", follows=False))
    assert await titles(manager) == ["Link 4", "Link 3", "Link 2", "Link 1"]


@pytest.mark.integration
async def test_a_store_that_has_lost_everything_begins_anew(redis: AsyncRedis) -> None:
    store = RedisNewsStore(redis, feed_size=FEED_SIZE, retention=RETENTION)
    assert await store.began() == "0"
    await redis.client.flushall()
    began = await store.began()
    assert began > first_id(datetime.now(UTC))
    assert await store.began() == began


@pytest.mark.integration
async def test_what_is_lost_while_it_is_rebuilt_is_rebuilt_again(
    redis: AsyncRedis, graph: Graph
) -> None:
    class Unlucky(Graph):
        async def following(self, username: str) -> Sequence[str]:
            found = await super().following(username)
            if self.rebuilds == 1:
                await redis.client.flushall()
            return found

    unlucky = Unlucky()
    unlucky.links, unlucky.followers = graph.links, graph.followers
    store = RedisNewsStore(redis, feed_size=FEED_SIZE, retention=RETENTION)
    await rebuilder_of(store, unlucky).rebuild("bob")
    assert unlucky.rebuilds == 2
    assert len((await store.read(FeedQuery("bob", None, 10), 10)).events) == 4


def _at(event_id: str, **fields: object) -> LinkNews:
    news = news_of(1, **fields)  # type: ignore[arg-type]
    return replace(news, event=replace(news.event, id=event_id, title="deleted"))
