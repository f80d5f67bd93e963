"""What is private is told to nobody, in whatever order its events come; on both stores."""

from itertools import permutations

import pytest

from delinkcious.object_model.news import NewsEventType
from news_service.domain import LinkNews
from news_service.manager import NewsDesk, NewsManager

from .conftest import news_of

ADDED = news_of(1, link_id=1)
UPDATED = news_of(2, link_id=1, event_type=NewsEventType.LINK_UPDATED)
HIDDEN = news_of(3, link_id=1, event_type=NewsEventType.LINK_UPDATED, is_public=False)
SHOWN = news_of(4, link_id=1, event_type=NewsEventType.LINK_UPDATED)
OTHER = news_of(5, link_id=2)


async def seen(manager: NewsManager) -> list[str]:
    page = await manager.get_news("bob")
    return [event.title for event in page.events]


async def record(desk: NewsDesk, *news: LinkNews) -> None:
    for each in news:
        await desk.record(each)


@pytest.mark.parametrize("event_type", list(NewsEventType))
async def test_a_private_link_is_no_news(
    event_type: NewsEventType, desk: NewsDesk, manager: NewsManager
) -> None:
    await desk.record(news_of(1, event_type=event_type, is_public=False))
    assert await seen(manager) == []


async def test_a_link_made_private_takes_its_news_along(
    desk: NewsDesk, manager: NewsManager
) -> None:
    await record(desk, ADDED, UPDATED, OTHER, HIDDEN)
    assert await seen(manager) == ["News 5"]


async def test_a_link_made_public_again_is_news_from_then_on(
    desk: NewsDesk, manager: NewsManager
) -> None:
    await record(desk, ADDED, UPDATED, HIDDEN, SHOWN)
    assert await seen(manager) == ["News 4"]


@pytest.mark.parametrize("order", list(permutations([ADDED, UPDATED, HIDDEN, SHOWN])))
async def test_the_order_in_which_events_come_does_not_matter(
    order: tuple[LinkNews, ...], desk: NewsDesk, manager: NewsManager
) -> None:
    await record(desk, *order)
    assert await seen(manager) == ["News 4"]


async def test_events_that_come_again_bring_nothing_back(
    desk: NewsDesk, manager: NewsManager
) -> None:
    await record(desk, ADDED, HIDDEN, ADDED, UPDATED, HIDDEN, ADDED)
    assert await seen(manager) == []


async def test_a_page_is_full_whatever_was_taken_back_between(
    desk: NewsDesk, manager: NewsManager
) -> None:
    """News 2, 4, 6 and 8 are of a link that is made private."""
    for number in range(1, 10):
        event_type = NewsEventType.LINK_UPDATED
        await desk.record(news_of(number, link_id=1 + number % 2, event_type=event_type))
    await desk.record(news_of(10, link_id=1, is_public=False))
    first = await manager.get_news("bob", None, 3)
    second = await manager.get_news("bob", first.next_token, 3)
    assert [event.title for event in first.events] == ["News 9", "News 7", "News 5"]
    assert [event.title for event in second.events] == ["News 3", "News 1"]
    assert second.next_token is None
