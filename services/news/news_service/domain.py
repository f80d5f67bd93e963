"""The rules of news: what is told of a link, and what may be asked for."""

import re
from dataclasses import dataclass
from typing import Final

from delinkcious.errors import InvalidArgument
from delinkcious.object_model.news import NewsEvent
from delinkcious.object_model.paging import MAX_PAGE_SIZE, decode_token, encode_token

MAX_USERNAME_LENGTH: Final = 64

_EVENT_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


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
class FeedQuery:
    """Which part of whose feed.

    Attributes:
        before: the id of the last event of the page before.
    """

    username: str
    before: str | None
    page_size: int


def check_query(username: str, start_token: str | None, page_size: int) -> FeedQuery:
    """Returns what to look for.

    Raises:
        InvalidArgument: naming the field that is wrong.
    """
    if not 1 <= len(username) <= MAX_USERNAME_LENGTH:
        raise InvalidArgument.of("username", f"must have 1 to {MAX_USERNAME_LENGTH} characters")
    if not 1 <= page_size <= MAX_PAGE_SIZE:
        raise InvalidArgument.of("page_size", f"must be from 1 to {MAX_PAGE_SIZE}")
    before = start_of_page(start_token) if start_token else None
    return FeedQuery(username.lower(), before, page_size)


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
