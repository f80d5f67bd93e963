"""The events that the news service consumes: what people do with links, and whom they follow."""

from collections.abc import Mapping
from typing import Any, Final

from delinkcious.messaging.event import Event, MalformedEvent
from delinkcious.object_model.links import Visibility
from delinkcious.object_model.news import NewsEvent, NewsEventType
from news_service.domain import FollowNews, LinkNews

ADDED: Final = "links.added"
UPDATED: Final = "links.updated"
DELETED: Final = "links.deleted"

LINK_NEWS: Final = "news-links"
"""The consumer of what people do with links."""

FOLLOWED: Final = "graph.followed"
UNFOLLOWED: Final = "graph.unfollowed"

FOLLOW_NEWS: Final = "news-follows"
"""The consumer of whom people follow."""

TYPES: Final[Mapping[str, NewsEventType]] = {
    ADDED: NewsEventType.LINK_ADDED,
    UPDATED: NewsEventType.LINK_UPDATED,
    DELETED: NewsEventType.LINK_DELETED,
}


def to_link_news(event: Event) -> LinkNews:
    """Reads ``links.added``, ``links.updated`` or ``links.deleted``.

    Raises:
        MalformedEvent: it will never make sense.
    """
    try:
        author, link = event.data["author"], event.data["link"]
        news = NewsEvent(
            id=event.id,
            event_type=TYPES[event.type],
            username=author.lower(),
            url=_text(link["url"]),
            title=_text(link["title"]),
            timestamp=event.time,
        )
        return LinkNews(news, int(link["id"]), is_public=link["visibility"] == Visibility.PUBLIC)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MalformedEvent.of("data", f"is not an event of a link: {error!r}") from None


def to_follow_news(event: Event) -> FollowNews:
    """Reads ``graph.followed`` or ``graph.unfollowed``.

    Raises:
        MalformedEvent: it will never make sense.
    """
    try:
        return FollowNews(
            event_id=event.id,
            follower=event.data["follower"].lower(),
            author=event.data["followed"].lower(),
            follows=event.type == FOLLOWED,
            account_deleted=event.data.get("account_deleted") is True,
        )
    except (AttributeError, KeyError) as error:
        raise MalformedEvent.of("data", f"does not say who follows whom: {error!r}") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is expected")
    return value
