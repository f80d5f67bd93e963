"""Watching a feed; on both stores."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, suppress

import pytest

from delinkcious.errors import InvalidArgument, ResourceExhausted
from delinkcious.object_model.news import NewsEvent
from news_service.manager import NewsDesk, NewsManager
from news_service.ports import NewsStore
from news_service.watch import Watchers

from .conftest import Graph, event_id, follow_of, news_of

Watch = AsyncGenerator[NewsEvent | None, None]


@pytest.fixture
async def _hearing(watchers: Watchers, store: NewsStore) -> AsyncIterator[None]:
    """Announcements wake those who watch."""
    task = asyncio.create_task(watchers.run(store))
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


pytestmark = pytest.mark.usefixtures("_hearing")


@asynccontextmanager
async def watching(
    manager: NewsManager, after: str | None = None, author: str | None = None
) -> AsyncIterator[Watch]:
    """Bob watches, and it has begun."""
    async with aclosing(manager.watch_news("bob", after, author)) as watch:
        assert await anext(watch) is None
        yield watch


async def told(watch: Watch, number: int) -> list[str]:
    """The ids of the next events."""
    found: list[str] = []
    async with asyncio.timeout(10):
        while len(found) < number:
            if event := await anext(watch):
                found.append(event.id)
    return found


async def test_what_comes_in_is_told_and_what_was_there_is_not(
    manager: NewsManager, desk: NewsDesk
) -> None:
    await desk.record(news_of(1))
    async with watching(manager) as watch:
        await desk.record(news_of(2))
        assert await told(watch, 1) == [event_id(2)]
        await desk.record(news_of(3))
        await desk.record(news_of(4))
        assert await told(watch, 2) == [event_id(3), event_id(4)]


async def test_who_watches_after_an_event_is_told_what_came_since(
    manager: NewsManager, desk: NewsDesk
) -> None:
    for number in range(1, 5):
        await desk.record(news_of(number))
    async with watching(manager, after=event_id(2)) as watch:
        assert await told(watch, 2) == [event_id(3), event_id(4)]
        await desk.record(news_of(5))
        assert await told(watch, 1) == [event_id(5)]


async def test_what_comes_late_is_told_too_and_each_once(
    manager: NewsManager, desk: NewsDesk
) -> None:
    await desk.record(news_of(1))
    async with watching(manager) as watch:
        await desk.record(news_of(5))
        assert await told(watch, 1) == [event_id(5)]
        await desk.record(news_of(3))
        await desk.record(news_of(5))
        assert await told(watch, 1) == [event_id(3)]
        await desk.record(news_of(6))
        assert await told(watch, 1) == [event_id(6)]


async def test_the_news_of_whom_one_begins_to_follow_are_told(
    manager: NewsManager, desk: NewsDesk, graph: Graph
) -> None:
    graph.add_link(1, "eve")
    async with watching(manager) as watch:
        await desk.follow(follow_of(1, author="eve"))
        assert len(await told(watch, 1)) == 1


async def test_only_one_author_is_told_of_if_that_is_wanted(
    manager: NewsManager, desk: NewsDesk, graph: Graph
) -> None:
    graph.followers["eve"] = ["bob"]
    async with watching(manager, author="eve") as watch:
        await desk.record(news_of(1))
        await desk.record(news_of(2, author="eve"))
        assert await told(watch, 1) == [event_id(2)]


async def test_a_quiet_watch_gives_signs_of_life(
    manager: NewsManager, watchers: Watchers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchers, "_heartbeat", 0.01)
    async with watching(manager) as watch:
        assert [await anext(watch), await anext(watch)] == [None, None]


async def test_a_watch_ends_when_the_process_does(manager: NewsManager, watchers: Watchers) -> None:
    async with watching(manager) as watch:
        watchers.close()
        async with asyncio.timeout(5):
            assert [event async for event in watch if event] == []


async def test_there_are_only_so_many_watchers_and_who_leaves_makes_room(
    manager: NewsManager,
) -> None:
    async with watching(manager), watching(manager):
        async with watching(manager):
            with pytest.raises(ResourceExhausted):
                await anext(manager.watch_news("bob"))
        async with watching(manager):
            pass


@pytest.mark.parametrize(
    ("arguments", "field"),
    [(("", None), "username"), (("bob", "nonsense"), "after"), (("bob", None, "x" * 65), "author")],
)
async def test_what_is_wrong_is_named(
    arguments: tuple[str, ...], field: str, manager: NewsManager
) -> None:
    with pytest.raises(InvalidArgument) as error:
        await anext(manager.watch_news(*arguments))
    assert [violation.field for violation in error.value.violations] == [field]


async def test_a_burst_longer_than_a_look_is_told_whole(
    manager: NewsManager, desk: NewsDesk
) -> None:
    async with watching(manager) as watch:
        for number in range(1, 10):
            await desk.record(news_of(number))
        assert await told(watch, 9) == [event_id(number) for number in range(1, 10)]


@pytest.fixture(autouse=True)
def _no_watch_is_left(watchers: Watchers) -> Iterator[None]:
    yield
    assert not watchers._watchers
