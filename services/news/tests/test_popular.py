"""Authors with more followers than the limit: merged when read; on both stores."""

from collections.abc import Sequence

import pytest

from delinkcious.object_model.news import NewsEventType
from news_service.domain import Entry
from news_service.manager import NewsDesk, NewsManager
from news_service.ports import NewsStore

from .conftest import FANOUT_LIMIT, FEED_SIZE, Graph, desk_of, event_id, follow_of, news_of

CROWD = [f"fan{number}" for number in range(FANOUT_LIMIT)]
STARS = ("alice", "eve", "mallory")


@pytest.fixture
def graph() -> Graph:
    """Bob follows three popular authors, and carol, who is not."""
    graph = Graph()
    graph.followers = {star: ["bob", *CROWD] for star in STARS} | {"carol": ["bob"]}
    return graph


async def ids(manager: NewsManager, username: str = "bob") -> list[str]:
    return [event.id for event in (await manager.get_news(username)).events]


async def test_whoever_follows_reads_what_a_popular_author_did(
    manager: NewsManager, desk: NewsDesk
) -> None:
    await desk.record(news_of(1))
    for username in ("bob", *CROWD):
        assert await ids(manager, username) == [event_id(1)]
    assert await ids(manager, "somebody else") == []


async def test_no_feed_is_written_for_a_popular_author(
    graph: Graph, store: NewsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    async def deliver(_entries: Sequence[Entry], usernames: Sequence[str]) -> None:
        written.extend(usernames)

    monkeypatch.setattr(store, "deliver", deliver)
    await desk_of(store, graph).record(news_of(1))
    await desk_of(store, graph).record(news_of(2, author="carol"))
    assert written == ["bob"]


async def test_feeds_and_timelines_are_merged_newest_first(
    manager: NewsManager, desk: NewsDesk
) -> None:
    authors = [*STARS, "carol"]
    for number in range(1, 9):
        await desk.record(news_of(number, author=authors[number % 4]))
    assert await ids(manager) == [event_id(number) for number in range(8, 0, -1)]


async def test_pages_neither_skip_nor_repeat_while_news_come_in(
    manager: NewsManager, desk: NewsDesk
) -> None:
    authors = [*STARS, "carol"]
    for number in range(1, 10):
        await desk.record(news_of(number, author=authors[number % 4]))
    seen: list[str] = []
    token = None
    for number in range(100, 104):
        page = await manager.get_news("bob", token, 3)
        seen += [event.id for event in page.events]
        await desk.record(news_of(number, author=authors[number % 4]))
        token = page.next_token
        if token is None:
            break
    assert seen == [event_id(number) for number in range(9, 0, -1)]


async def test_who_becomes_popular_keeps_what_was_told_before(
    manager: NewsManager, desk: NewsDesk, graph: Graph
) -> None:
    graph.followers["alice"] = ["bob"]
    await desk.record(news_of(1))
    graph.followers["alice"] = ["bob", *CROWD]
    await desk.record(news_of(2))
    await desk.record(news_of(1))
    assert await ids(manager) == [event_id(2), event_id(1)]


async def test_who_is_popular_no_longer_keeps_it_too(
    manager: NewsManager, desk: NewsDesk, graph: Graph
) -> None:
    await desk.record(news_of(1))
    graph.followers["alice"] = ["bob"]
    await desk.record(news_of(2))
    await desk.record(news_of(1))
    assert await ids(manager) == [event_id(2), event_id(1)]


async def test_who_unfollows_a_popular_author_reads_nothing_of_them(
    manager: NewsManager, desk: NewsDesk
) -> None:
    await desk.record(news_of(1))
    await desk.record(news_of(2, author="eve"))
    await ids(manager)
    await desk.follow(follow_of(1, follows=False))
    assert await ids(manager) == [event_id(2)]


async def test_who_begins_to_follow_a_popular_author_reads_what_there_is(
    manager: NewsManager, desk: NewsDesk
) -> None:
    await desk.record(news_of(1))
    assert await ids(manager, "dave") == []
    await desk.follow(follow_of(1, follower="dave"))
    assert await ids(manager, "dave") == [event_id(1)]


async def test_a_timeline_keeps_the_newest(manager: NewsManager, desk: NewsDesk) -> None:
    for number in range(FEED_SIZE + 3, 0, -1):
        await desk.record(news_of(number))
    assert await ids(manager) == [event_id(number) for number in range(FEED_SIZE + 3, 3, -1)]


async def test_what_a_popular_author_hides_or_deletes_is_gone(
    manager: NewsManager, desk: NewsDesk
) -> None:
    for number in range(1, 5):
        await desk.record(news_of(number))
    await desk.record(news_of(5, link_id=1, is_public=False))
    deleted = news_of(6, link_id=2, event_type=NewsEventType.LINK_DELETED)
    await desk.record(deleted)
    assert await ids(manager) == [event_id(6), event_id(4), event_id(3)]


async def test_news_of_one_popular_author_is_read_if_that_is_wanted(
    manager: NewsManager, desk: NewsDesk
) -> None:
    for number in range(1, 7):
        await desk.record(news_of(number, author=STARS[number % 3]))
    page = await manager.get_news("bob", author=STARS[0])
    assert [event.id for event in page.events] == [event_id(6), event_id(3)]
    assert (await manager.get_news("dave", author=STARS[0])).events == ()
