"""The use cases of news, on the store in memory and on Redis."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest

from delinkcious.errors import InvalidArgument, Unavailable
from delinkcious.object_model.news import NewsEventType
from delinkcious.object_model.paging import encode_token
from news_service.domain import LinkNews
from news_service.manager import NewsDesk, NewsManager
from news_service.ports import NewsStore

from .conftest import FEED_SIZE, RETENTION, Graph, desk_of, event_id, news_of


async def titles(manager: NewsManager, username: str = "bob") -> list[str]:
    page = await manager.get_news(username)
    return [event.title for event in page.events]


async def record(desk: NewsDesk, *news: LinkNews) -> None:
    for each in news:
        await desk.record(each)


async def test_followers_are_told_what_happened(manager: NewsManager, desk: NewsDesk) -> None:
    added = news_of(1)
    await desk.record(added)
    for username in ("bob", "carol"):
        page = await manager.get_news(username)
        assert page.events == (added.event,)
        assert page.next_token is None


async def test_nobody_else_is_told(manager: NewsManager, desk: NewsDesk) -> None:
    await desk.record(news_of(1))
    for username in ("alice", "dave"):
        assert await titles(manager, username) == []


async def test_an_author_without_followers_tells_nobody(
    manager: NewsManager, desk: NewsDesk, graph: Graph
) -> None:
    graph.followers = {}
    await desk.record(news_of(1))
    assert await titles(manager) == []


async def test_every_group_of_followers_is_told(
    manager: NewsManager, desk: NewsDesk, graph: Graph
) -> None:
    graph.followers["alice"] = [f"user{number}" for number in range(5)]
    await desk.record(news_of(1))
    for username in graph.followers["alice"]:
        assert await titles(manager, username) == ["News 1"]


async def test_adding_updating_and_deleting_is_news(manager: NewsManager, desk: NewsDesk) -> None:
    await record(
        desk,
        news_of(1),
        news_of(2, event_type=NewsEventType.LINK_UPDATED),
        news_of(3, event_type=NewsEventType.LINK_DELETED),
    )
    page = await manager.get_news("bob")
    assert [event.event_type for event in page.events] == [
        "link_deleted",
        "link_updated",
        "link_added",
    ]


async def test_the_newest_comes_first_whatever_came_first(
    manager: NewsManager, desk: NewsDesk
) -> None:
    await record(desk, news_of(2), news_of(1), news_of(300), news_of(4))
    assert await titles(manager) == ["News 300", "News 4", "News 2", "News 1"]


async def test_an_event_that_comes_again_is_there_once(
    manager: NewsManager, desk: NewsDesk
) -> None:
    await record(desk, news_of(1), news_of(2), news_of(1), news_of(1))
    assert await titles(manager) == ["News 2", "News 1"]


async def test_many_workers_write_each_event_once(manager: NewsManager, desk: NewsDesk) -> None:
    events = [news_of(number) for number in range(1, 6)]
    await asyncio.gather(*(desk.record(event) for event in events * 3))
    assert await titles(manager) == [f"News {number}" for number in range(5, 0, -1)]


async def test_a_feed_keeps_the_newest(manager: NewsManager, desk: NewsDesk) -> None:
    await record(desk, *(news_of(number) for number in range(FEED_SIZE + 3, 0, -1)))
    assert await titles(manager) == [f"News {number}" for number in range(FEED_SIZE + 3, 3, -1)]


async def test_an_event_is_kept_as_long_as_its_retention(
    manager: NewsManager, desk: NewsDesk
) -> None:
    hour = timedelta(hours=1)
    await record(desk, news_of(1, age=RETENTION + hour), news_of(2, age=RETENTION - hour))
    assert await titles(manager) == ["News 2"]


async def test_names_are_told_from_one_another_without_regard_to_case(
    manager: NewsManager, desk: NewsDesk
) -> None:
    await desk.record(news_of(1))
    assert await titles(manager, "BOB") == ["News 1"]


async def test_pages_neither_skip_nor_repeat_while_news_come_in(
    manager: NewsManager, desk: NewsDesk
) -> None:
    await record(desk, *(news_of(number) for number in range(1, 8)))
    first = await manager.get_news("bob", None, 3)
    await desk.record(news_of(8))
    second = await manager.get_news("bob", first.next_token, 3)
    third = await manager.get_news("bob", second.next_token, 3)
    seen = [event.title for page in (first, second, third) for event in page.events]
    assert seen == [f"News {number}" for number in range(7, 0, -1)]
    assert third.next_token is None


async def test_the_last_page_may_be_full(manager: NewsManager, desk: NewsDesk) -> None:
    await record(desk, *(news_of(number) for number in range(1, 5)))
    first = await manager.get_news("bob", None, 2)
    second = await manager.get_news("bob", first.next_token, 2)
    assert len(second.events) == 2
    assert second.next_token is None


@pytest.mark.parametrize("page_size", [0, -1, 1001, 10**9])
async def test_a_wrong_page_size_is_named(page_size: int, manager: NewsManager) -> None:
    with pytest.raises(InvalidArgument) as error:
        await manager.get_news("bob", None, page_size)
    assert [violation.field for violation in error.value.violations] == ["page_size"]


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "nonsense",
        encode_token(1),
        encode_token("bob"),
        encode_token(event_id(1), 1),
        "é" * 600,
    ],
)
async def test_a_wrong_token_is_named(token: str, manager: NewsManager) -> None:
    with pytest.raises(InvalidArgument) as error:
        await manager.get_news("bob", token)
    assert [violation.field for violation in error.value.violations] == ["start_token"]


@pytest.mark.parametrize("username", ["", "x" * 65])
async def test_a_wrong_username_is_named(username: str, manager: NewsManager) -> None:
    with pytest.raises(InvalidArgument) as error:
        await manager.get_news(username)
    assert [violation.field for violation in error.value.violations] == ["username"]


class Vanishing(Graph):
    """A social graph that goes away in the middle of an answer, once."""

    def __init__(self) -> None:
        super().__init__()
        self.vanish = True

    async def of(self, username: str) -> AsyncIterator[Sequence[str]]:
        async for usernames in super().of(username):
            yield usernames
            if self.vanish:
                self.vanish = False
                raise Unavailable("The social graph is away.")


async def test_what_was_done_in_part_is_completed_when_it_comes_again(
    store: NewsStore, manager: NewsManager, graph: Graph
) -> None:
    graph.followers["alice"].append("dave")
    vanishing = Vanishing()
    vanishing.followers = graph.followers
    desk = desk_of(store, vanishing)
    with pytest.raises(Unavailable):
        await desk.record(news_of(1))
    await desk.record(news_of(1))
    for username in graph.followers["alice"]:
        assert await titles(manager, username) == ["News 1"]
