"""Everything that a person has here, as one JSON document.

It is made while it is sent, a page of each list at a time, however long they are.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from pydantic import BaseModel

from api_gateway.news import NewsEventSchema
from delinkcious.http.slots import Slots
from delinkcious.object_model.audit import AuditTrail
from delinkcious.object_model.imports import ImportManager
from delinkcious.object_model.links import LinkManager, LinkQuery
from delinkcious.object_model.news import NewsManager
from delinkcious.object_model.paging import MAX_PAGE_SIZE
from delinkcious.object_model.social_graph import SocialGraphManager
from delinkcious.object_model.users import UserManager
from delinkcious.schemas.audit import AuditEntrySchema
from delinkcious.schemas.imports import ImportSchema
from delinkcious.schemas.links import LinkSchema
from delinkcious.schemas.users import ApiTokenSchema, NewsFeedSchema, OpenSessionSchema, UserSchema

_Page = tuple[Iterable[Any], str | None]

_IMPORTS_AT_ONCE: Final = 100
"""Each of them may have a hundred errors."""


class PersonalDataSchema(BaseModel):
    """Everything that a person has here."""

    exported_at: datetime
    account: UserSchema
    news_feed: NewsFeedSchema
    sessions: list[OpenSessionSchema]
    tokens: list[ApiTokenSchema]
    audit: list[AuditEntrySchema]
    following: list[str]
    followers: list[str]
    links: list[LinkSchema]
    imports: list[ImportSchema]
    news: list[NewsEventSchema]


@dataclass(frozen=True, slots=True)
class PersonalData:
    """What the services have of a person, brought together."""

    users: UserManager
    social_graph: SocialGraphManager
    links: LinkManager
    imports: ImportManager
    news: NewsManager
    trail: AuditTrail

    def document(self, username: str, slots: Slots, *, at: datetime) -> Iterator[bytes]:
        """Yields the document; what fails ends it before its end."""
        with slots.one_for(username):
            feed = {"created_at": self.users.get_feed_secret_time(username)}
            yield b'{"exported_at":' + orjson.dumps(at)
            yield b',"account":' + orjson.dumps(self.users.get_user(username))
            yield b',"news_feed":' + orjson.dumps(feed)
            for name, pages in self._lists(username):
                yield from _list(name, pages)
            yield b"}"

    def _lists(self, username: str) -> Iterator[tuple[str, Iterator[Iterable[Any]]]]:
        yield "sessions", iter([self.users.get_sessions(username)])
        yield "tokens", iter([self.users.get_tokens(username)])

        def audit(token: str | None) -> _Page:
            page = self.trail.get_audit(username, token, MAX_PAGE_SIZE)
            return page.entries, page.next_page_token

        def following(token: str | None) -> _Page:
            page = self.social_graph.get_following(username, token, MAX_PAGE_SIZE)
            return page.usernames, page.next_page_token

        def followers(token: str | None) -> _Page:
            page = self.social_graph.get_followers(username, token, MAX_PAGE_SIZE)
            return page.usernames, page.next_page_token

        def links(token: str | None) -> _Page:
            query = LinkQuery(username, start_token=token, page_size=MAX_PAGE_SIZE)
            page = orjson.loads(self.links.get_links(query).body)
            return page["links"], page["next_page_token"]

        def imports(token: str | None) -> _Page:
            page = self.imports.get_imports(username, token, _IMPORTS_AT_ONCE)
            return page.imports, page.next_page_token

        def news(token: str | None) -> _Page:
            page = self.news.get_news(username, token, MAX_PAGE_SIZE)
            return page.events, page.next_token

        for get_page in (audit, following, followers, links, imports, news):
            yield get_page.__name__, _walk(get_page)


def _walk(get_page: Callable[[str | None], _Page]) -> Iterator[Iterable[Any]]:
    items, token = get_page(None)
    yield items
    while token is not None:
        items, token = get_page(token)
        yield items


def _list(name: str, pages: Iterator[Iterable[Any]]) -> Iterator[bytes]:
    yield f',"{name}":['.encode()
    separator = b""
    for items in pages:
        if encoded := orjson.dumps(list(items))[1:-1]:
            yield separator + encoded
            separator = b","
    yield b"]"
