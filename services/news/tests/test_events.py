"""Events of the link service, read."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from delinkcious.messaging.event import Event, MalformedEvent
from delinkcious.object_model.news import NewsEvent, NewsEventType
from news_service.domain import FollowNews, LinkNews
from news_service.events import to_follow_news, to_link_news

from .conftest import event_id

LINK = {
    "id": 7,
    "url": "https://example.com/",
    "title": "Example",
    "tags": ["a"],
    "visibility": "public",
}


def event_of(data: Mapping[str, Any], subject: str = "links.added") -> Event:
    return Event(
        id=event_id(1),
        type=subject,
        source="/link-manager",
        key="alice",
        data=data,
        time=datetime(2026, 1, 2, tzinfo=UTC),
    )


def test_it_tells_who_did_what_with_which_link() -> None:
    assert to_link_news(event_of({"author": "alice", "link": LINK})) == LinkNews(
        NewsEvent(
            id=event_id(1),
            event_type=NewsEventType.LINK_ADDED,
            username="alice",
            url="https://example.com/",
            title="Example",
            timestamp=datetime(2026, 1, 2, tzinfo=UTC),
        ),
        link_id=7,
        is_public=True,
    )


@pytest.mark.parametrize(
    ("subject", "event_type"),
    [
        ("links.added", "link_added"),
        ("links.updated", "link_updated"),
        ("links.deleted", "link_deleted"),
    ],
)
def test_each_subject_is_a_kind_of_news(subject: str, event_type: str) -> None:
    news = to_link_news(event_of({"author": "alice", "link": LINK}, subject))
    assert news.event.event_type == event_type


@pytest.mark.parametrize("visibility", ["private", "followers", "", None])
def test_what_is_not_public_is_private(visibility: str | None) -> None:
    """Also what a later version of the link service may call it."""
    data = {"author": "alice", "link": {**LINK, "visibility": visibility}}
    assert not to_link_news(event_of(data)).is_public


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"author": "alice"},
        {"link": LINK},
        {"author": None, "link": LINK},
        {"author": "alice", "link": None},
        {"author": "alice", "link": {**LINK, "id": "seven"}},
        {"author": "alice", "link": {**LINK, "url": None}},
        {"author": "alice", "link": {**LINK, "title": 1}},
        {"author": "alice", "link": {"id": 7, "url": "u", "title": "t"}},
    ],
)
def test_what_makes_no_sense_never_will(data: Mapping[str, Any]) -> None:
    with pytest.raises(MalformedEvent, match="not an event of a link"):
        to_link_news(event_of(data))


@pytest.mark.parametrize(
    ("subject", "follows"), [("graph.followed", True), ("graph.unfollowed", False)]
)
def test_it_tells_who_begins_to_follow_whom_and_who_ceases(subject: str, follows: bool) -> None:
    event = event_of({"followed": "Alice", "follower": "Bob"}, subject)
    assert to_follow_news(event) == FollowNews(event_id(1), "bob", "alice", follows)


@pytest.mark.parametrize(
    "data", [{}, {"followed": "alice"}, {"follower": "bob"}, {"followed": 1, "follower": "bob"}]
)
def test_who_follows_whom_has_to_be_said(data: Mapping[str, Any]) -> None:
    with pytest.raises(MalformedEvent, match="who follows whom"):
        to_follow_news(event_of(data, "graph.followed"))
