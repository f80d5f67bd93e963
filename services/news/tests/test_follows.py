"""Following and unfollowing, in whatever order its events come; on both stores."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import pytest

from delinkcious.object_model.links import PublicLink
from delinkcious.object_model.news import NewsEventType
from news_service.domain import FollowNews, recovered
from news_service.manager import LATEST, NewsDesk, NewsManager
from news_service.ports import NewsStore

from .conftest import FEED_SIZE, Graph, desk_of, event_id, follow_of, news_of

FOLLOWED = follow_of(1001)
UNFOLLOWED = follow_of(1002, follows=False)
AGAIN = follow_of(1003)


async def titles(manager: NewsManager, username: str = "bob") -> list[str]:
    page = await manager.get_news(username)
    return [event.title for event in page.events]


@pytest.fixture
def graph() -> Graph:
    """Alice has three links and no followers."""
    graph = Graph()
    for number in (1, 2, 3):
        graph.add_link(number)
    return graph


async def test_following_brings_in_the_latest_links(
    manager: NewsManager, desk: NewsDesk, graph: Graph
) -> None:
    assert await titles(manager) == []
    graph.followers["alice"] = ["bob"]
    await desk.follow(FOLLOWED)
    assert await titles(manager) == ["Link 3", "Link 2", "Link 1"]


async def test_following_brings_in_a_few_and_not_everything(store: NewsStore) -> None:
    asked: list[int] = []

    class Counting(Graph):
        async def latest(self, authors: Sequence[str], limit: int) -> Sequence[PublicLink]:
            asked.append(limit)
            return await super().latest(authors, limit)

    await desk_of(store, Counting()).follow(FOLLOWED)
    assert asked == [LATEST]


async def test_unfollowing_takes_the_authors_news_away_and_leaves_others(
    manager: NewsManager, desk: NewsDesk, graph: Graph
) -> None:
    graph.followers = {"alice": ["bob"], "eve": ["bob"]}
    assert len(await titles(manager)) == 3
    await desk.record(news_of(900, author="eve"))
    await desk.record(news_of(901))
    assert "News 901" in await titles(manager)
    graph.followers["alice"] = []
    await desk.follow(UNFOLLOWED)
    assert await titles(manager) == ["News 900"]


async def test_an_event_of_before_that_comes_after_unfollowing_shows_nowhere(
    manager: NewsManager, desk: NewsDesk, graph: Graph
) -> None:
    """Its worker asked for the followers before, and delivers after."""
    graph.followers["alice"] = ["bob"]
    await titles(manager)
    await desk.follow(UNFOLLOWED)
    await desk.record(news_of(900))
    assert await titles(manager) == []


async def test_an_event_that_comes_before_its_reader_is_known_to_follow_shows_then(
    manager: NewsManager, desk: NewsDesk, graph: Graph
) -> None:
    await titles(manager)
    graph.links = []
    graph.followers["alice"] = ["bob"]
    await desk.record(news_of(900))
    await desk.follow(FOLLOWED)
    assert await titles(manager) == ["News 900"]


@pytest.mark.parametrize("order", list(permutations([FOLLOWED, UNFOLLOWED, AGAIN])))
async def test_the_last_event_of_two_people_counts_in_whatever_order_they_come(
    order: list[FollowNews], manager: NewsManager, desk: NewsDesk
) -> None:
    await titles(manager)
    for news in (*order, *order):
        await desk.follow(news)
    assert await titles(manager) == ["Link 3", "Link 2", "Link 1"]


@pytest.mark.parametrize("order", list(permutations([FOLLOWED, UNFOLLOWED])))
async def test_who_has_unfollowed_stays_so_whatever_comes_again(
    order: list[FollowNews], manager: NewsManager, desk: NewsDesk
) -> None:
    await titles(manager)
    for news in (*order, FOLLOWED):
        await desk.follow(news)
    assert await titles(manager) == []


async def test_a_link_that_following_brought_in_is_there_once_when_its_event_comes(
    manager: NewsManager, desk: NewsDesk, graph: Graph
) -> None:
    graph.links = graph.links[:1]
    graph.followers["alice"] = ["bob"]
    await desk.follow(FOLLOWED)
    await desk.record(news_of(900, link_id=1))
    await desk.record(news_of(900, link_id=1))
    assert await titles(manager) == ["Link 1"]


async def test_a_link_whose_event_came_is_not_brought_in_once_more(
    manager: NewsManager, desk: NewsDesk, graph: Graph
) -> None:
    graph.links = graph.links[:1]
    graph.followers["alice"] = ["carol"]
    await desk.record(news_of(900, link_id=1))
    graph.followers["alice"] = ["bob", "carol"]
    await desk.follow(FOLLOWED)
    assert await titles(manager) == ["News 900"]


async def test_what_was_made_private_is_not_brought_in_by_an_old_answer(
    store: NewsStore, manager: NewsManager, desk: NewsDesk, graph: Graph
) -> None:
    """The link service answered just before."""
    told = recovered(graph.links[0])
    later = replace(told.event, id=f"{told.event.id[:-1]}f")
    await store.retract(replace(told, event=later, is_public=False))
    graph.followers["alice"] = ["bob"]
    await desk.follow(FOLLOWED)
    assert await titles(manager) == ["Link 3", "Link 2"]


async def test_news_is_of_one_author_if_that_is_wanted(
    manager: NewsManager, desk: NewsDesk, graph: Graph
) -> None:
    graph.links = []
    graph.followers = {"alice": ["bob"], "eve": ["bob"]}
    for number in range(1, FEED_SIZE):
        await desk.record(news_of(number, author="eve" if number % 2 else "alice"))
    first = await manager.get_news("bob", None, 2, "EVE")
    second = await manager.get_news("bob", first.next_token, 10, "eve")
    ids = [event.id for page in (first, second) for event in page.events]
    assert ids == [event_id(number) for number in range(9, 0, -2)]
    assert second.next_token is None
    assert (await manager.get_news("bob", author="nobody")).events == ()


async def test_what_was_told_since_one_began_anew_stays_though_the_end_is_heard_of_late(
    manager: NewsManager, desk: NewsDesk, graph: Graph
) -> None:
    """Links and follows are told by different streams, of which one may lag behind."""
    graph.links = []
    graph.followers["alice"] = ["bob"]
    await titles(manager)
    updated = NewsEventType.LINK_UPDATED
    await desk.record(news_of(900, event_type=updated))
    await desk.record(news_of(1100, event_type=updated))
    for news in (FOLLOWED, UNFOLLOWED, AGAIN):
        await desk.follow(news)
    assert await titles(manager) == ["News 1100"]


async def test_what_is_told_before_its_author_is_known_to_be_followed_is_not_lost(
    store: NewsStore, manager: NewsManager, desk: NewsDesk, graph: Graph
) -> None:
    """The feed is rebuilt from an answer of just before."""
    graph.links = []
    version = await store.version_of("bob")
    graph.followers["alice"] = ["bob"]
    await desk.record(news_of(1100, event_type=NewsEventType.LINK_UPDATED))
    assert await store.know("bob", [], version)
    assert await titles(manager) == []
    await desk.follow(FOLLOWED)
    assert await titles(manager) == ["News 1100"]
