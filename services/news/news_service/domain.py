"""The rules of news: what is told of a link, who is told it, and what may be asked for."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from delinkcious.errors import InvalidArgument
from delinkcious.object_model.links import PublicLink
from delinkcious.object_model.news import NewsEvent, NewsEventType
from delinkcious.object_model.paging import MAX_PAGE_SIZE, decode_token, encode_token

MAX_USERNAME_LENGTH: Final = 64

_EVENT_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class LinkNews:
    """What somebody did with a link.

    Attributes:
        event: what followers are told.
        is_public: whether anybody may be told; whatever is not public is private.
    """

    event: NewsEvent
    link_id: int
    is_public: bool


@dataclass(frozen=True, slots=True)
class FollowNews:
    """Somebody began or ceased to follow an author.

    Attributes:
        event_id: of the event that says so; of two events of one pair, the greater one counts.
        account_deleted: it ended because the account of one of the two was deleted, so nothing of
            it needs to be remembered.
    """

    event_id: str
    follower: str
    author: str
    follows: bool
    account_deleted: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """A line of a feed: which event, and whose. Feeds are in the order of their entries."""

    event_id: str
    author: str


@dataclass(frozen=True, slots=True)
class FeedQuery:
    """Which part of whose feed.

    Attributes:
        before: the id of the last event of the page before.
        author: whose events only.
    """

    username: str
    before: str | None
    page_size: int
    author: str | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """Part of a feed, newest first.

    Attributes:
        is_known: whether it is known whom the reader follows; if not, it may lack anything.
    """

    events: list[NewsEvent]
    is_known: bool


def first_id(at: datetime) -> str:
    """Returns the id before which are those of everything that happened before this moment."""
    return str(UUID(int=max(0, (at - _EPOCH) // (1000 * _MICROSECOND)) << 80))


def recovered(link: PublicLink) -> LinkNews:
    """Returns what was told when a link was added, as far as the link service can tell.

    The id is a UUID of version 8: the moment, as in version 7, and the link. So it sorts among the
    ids of events, and is the same whenever it is made.
    """
    micros = max(0, (link.added_at - _EPOCH) // _MICROSECOND)
    moment, fraction = divmod(micros, 1000)
    number = (moment << 80) | (8 << 76) | (fraction << 64) | (2 << 62) | link.id
    event = NewsEvent(
        id=str(UUID(int=number)),
        event_type=NewsEventType.LINK_ADDED,
        username=link.author,
        url=link.url,
        title=link.title,
        timestamp=link.added_at,
    )
    return LinkNews(event, link.id, is_public=True)


def check_query(
    username: str, start_token: str | None, page_size: int, author: str | None = None
) -> FeedQuery:
    """Returns what to look for.

    Raises:
        InvalidArgument: naming the field that is wrong.
    """
    if not 1 <= page_size <= MAX_PAGE_SIZE:
        raise InvalidArgument.of("page_size", f"must be from 1 to {MAX_PAGE_SIZE}")
    before = start_of_page(start_token) if start_token else None
    return FeedQuery(
        _name(username, "username"),
        before,
        page_size,
        author=_name(author, "author") if author else None,
    )


def check_event_id(event_id: str, field: str) -> str:
    """Returns the id.

    Raises:
        InvalidArgument: it is not one of ours.
    """
    if not _EVENT_ID.fullmatch(event_id):
        raise InvalidArgument.of(field, "is not the id of an event")
    return event_id


def page_token(last: NewsEvent) -> str:
    """Returns the token of the page that follows this event."""
    return encode_token(last.id)


def start_of_page(token: str) -> str:
    """Returns the id of the event that the page follows.

    Raises:
        InvalidArgument: the token is not one of ours.
    """
    [event_id] = decode_token(token, (str,))
    if not _EVENT_ID.fullmatch(str(event_id)):
        raise InvalidArgument.of("start_token", "is not a page token of this list")
    return str(event_id)


def _name(username: str, field: str) -> str:
    if not 1 <= len(username) <= MAX_USERNAME_LENGTH:
        raise InvalidArgument.of(field, f"must have 1 to {MAX_USERNAME_LENGTH} characters")
    return username.lower()
