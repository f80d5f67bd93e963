"""News through the gateway."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from api_gateway.testing import Caller, FixedNews, fields
from delinkcious.object_model.news import NewsEvent, NewsEventType

EVENTS = [
    NewsEvent(
        id=f"event-{number}",
        event_type=NewsEventType.LINK_ADDED,
        username="alice",
        url=f"https://{number}.example/",
        title=f"Title {number}",
        timestamp=datetime(2026, 11, 20, 9, 30, number, tzinfo=UTC),
    )
    for number in (3, 2, 1)
]


def test_news_has_the_shape_of_the_api(bob: Caller, news: FixedNews) -> None:
    news.events = EVENTS[:1]
    assert bob.get("/v1/news").json == {
        "events": [
            {
                "id": "event-3",
                "event_type": "link_added",
                "username": "alice",
                "url": "https://3.example/",
                "title": "Title 3",
                "timestamp": "2026-11-20T09:30:03+00:00",
            }
        ],
        "next_token": None,
    }


def test_who_follows_nobody_has_no_news(bob: Caller) -> None:
    assert bob.get("/v1/news").json == {"events": [], "next_token": None}


def test_news_comes_in_pages(bob: Caller, news: FixedNews) -> None:
    news.events = EVENTS
    first = bob.get("/v1/news?page_size=2").json
    assert first is not None
    assert [event["id"] for event in first["events"]] == ["event-3", "event-2"]
    rest = bob.get(f"/v1/news?start_token={first['next_token']}").json
    assert rest is not None
    assert ([event["id"] for event in rest["events"]], rest["next_token"]) == (["event-1"], None)


def test_news_is_of_one_author_if_that_is_wanted(bob: Caller, news: FixedNews) -> None:
    news.events = [EVENTS[0], replace(EVENTS[1], username="eve")]
    found = bob.get("/v1/news?author=Eve").json
    assert found is not None
    assert [event["id"] for event in found["events"]] == ["event-2"]


@pytest.mark.parametrize("path", ["/v1/news", "/v1/news/stream"])
def test_an_author_who_cannot_be_is_named(path: str, bob: Caller) -> None:
    response = bob.get(f"{path}?author=a%20b")
    assert response.status_code == 400
    assert fields(response) == ["author"]
