"""Feeds for feed readers: anybody's public links, and one's own news at a secret address.

Readers ask again and again, so what they have already costs them a 304 and no more (RFC 9110,
section 13). They send no tokens: the address alone decides what they get.
"""

import hashlib
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from flask import Response, request
from pydantic import BaseModel, Field

from api_gateway import atom
from api_gateway.atom import Entry, Feed
from api_gateway.base_url import base_url
from api_gateway.policy import authenticated, public
from delinkcious.errors import NotFound
from delinkcious.http import observe
from delinkcious.http.app import RestApp, json_response, no_content
from delinkcious.http.decode import QUERY, reads
from delinkcious.http.openapi import Answers, problems
from delinkcious.object_model.links import MAX_TAGS, Link, LinkManager, LinkQuery
from delinkcious.object_model.news import NewsEvent, NewsEventType, NewsManager
from delinkcious.object_model.users import Identity, Scope, User, UserManager
from delinkcious.schemas.links import Tag
from delinkcious.schemas.users import NewsFeedSchema

ENTRIES: Final = 50
"""How many entries a feed has at most."""

_ANYBODYS: Final = "public, max-age=300"
_ONES_OWN: Final = "private, max-age=300"

_DONE: Final = {
    NewsEventType.LINK_ADDED: "saved",
    NewsEventType.LINK_UPDATED: "changed",
    NewsEventType.LINK_DELETED: "deleted",
}

_HEADER: Final = {"schema": {"type": "string"}}
_ANSWERS: Final[Answers] = {
    200: {
        "description": "The feed, newest first.",
        "headers": {"ETag": _HEADER, "Last-Modified": _HEADER, "Cache-Control": _HEADER},
        "content": {atom.MEDIA_TYPE: {"schema": {"type": "string"}}},
    },
    304: {
        "description": "You have it already, as `If-None-Match` or `If-Modified-Since` says.",
        "headers": {"ETag": _HEADER, "Cache-Control": _HEADER},
    },
}


class FeedFilters(BaseModel):
    """Which links; all tags must match."""

    tag: tuple[Tag, ...] = Field((), max_length=MAX_TAGS, description="repeat it: all must match")


class NewNewsFeedSchema(BaseModel):
    """The secret address of your news, just made; it is shown here and never again."""

    url: str
    created_at: datetime


def add_feed_of_links(
    app: RestApp, links: LinkManager, users: UserManager, public_url: str
) -> None:
    """Adds the feed of a user's public links."""

    @app.get("/v1/users/<username:username>/links.atom")
    @public
    @reads(app, FeedFilters, QUERY)
    @app.doc(
        tags=["Links"],
        operation_id="getFeedOfLinks",
        responses=_ANSWERS | problems(NotFound),
    )
    def get_feed_of_links(username: str, wanted: FeedFilters) -> Response:
        """Read somebody's public links as a feed.

        The newest 50 in Atom, for feed readers. Send `If-None-Match` with the `ETag` that you got
        last, and you get nothing until something changes.
        """
        owner = users.get_user(username)
        query = LinkQuery(owner.username, tags=wanted.tag, public_only=True, page_size=ENTRIES)
        feed = _feed_of_links(owner, wanted.tag, links.get_links(query).links, public_url)
        return _response(feed, _ANYBODYS)


def add_feed_of_news(app: RestApp, news: NewsManager, users: UserManager, public_url: str) -> None:
    """Adds the feed of a user's news. The secret is in the path, which is not logged."""

    @app.get("/v1/news/feeds/<secret>.atom")
    @public
    @app.doc(
        tags=["News"],
        operation_id="getFeedOfNews",
        responses=_ANSWERS | problems(NotFound),
    )
    def get_feed_of_news(secret: str) -> Response:
        """Read somebody's news as a feed.

        The newest 50 events in Atom, for feed readers, at the address that its owner made. A secret
        that is unknown or revoked is not found.
        """
        owner = users.get_feed_owner(secret)
        observe.name_caller(request.environ, owner.username)
        page = news.get_news(owner.username, page_size=ENTRIES)
        url = _address_of_news(public_url, secret)
        return _response(_feed_of_news(owner, page.events, url), _ONES_OWN)


def add_address_of_news(app: RestApp, users: UserManager, public_url: str) -> None:
    """Adds the endpoints that make, show and revoke the address of one's own news."""

    @app.post("/v1/news/feed")
    @authenticated(Scope.ACCOUNT, Scope.NEWS)  # whoever has the address reads the news
    @app.output(NewNewsFeedSchema, status_code=201, description="The address.")
    @app.doc(tags=["News"], operation_id="createNewsFeed", responses=problems(NotFound))
    def create_news_feed(caller: Identity) -> Response:
        """Make a secret address for your news.

        For your feed reader: whoever has it reads your news, and can do nothing else with it. One
        that you made before is revoked.
        """
        made = users.create_feed_secret(caller.username)
        url = _address_of_news(public_url, made.secret)
        return json_response({"url": url, "created_at": made.created_at}, 201)

    @app.get("/v1/news/feed")
    @authenticated(Scope.NEWS)
    @app.output(NewsFeedSchema, description="Since when, if there is one.")
    @app.doc(tags=["News"], operation_id="getNewsFeed")
    def get_news_feed(caller: Identity) -> Response:
        """See whether your news has a secret address.

        The address itself was shown when it was made, and never again.
        """
        return json_response({"created_at": users.get_feed_secret_time(caller.username)})

    @app.delete("/v1/news/feed")
    @authenticated(Scope.ACCOUNT)
    @app.output({}, status_code=204, description="It leads nowhere any more.")
    @app.doc(tags=["News"], operation_id="revokeNewsFeed", responses=problems(NotFound))
    def revoke_news_feed(caller: Identity) -> Response:
        """Revoke the secret address of your news."""
        users.revoke_feed_secret(caller.username)
        return no_content()


def _feed_of_links(owner: User, tags: tuple[str, ...], links: list[Link], public_url: str) -> Feed:
    query = f"?{urlencode({'tag': tags}, doseq=True)}" if tags else ""
    tagged = f" tagged {', '.join(tags)}" if tags else ""
    return Feed(
        id=atom.permanent_id("links", *_lasting(owner), *sorted(set(tags))),
        title=f"Links of {owner.username}{tagged}",
        url=f"{base_url(public_url)}/v1/users/{owner.username}/links.atom{query}",
        updated=max((link.updated_at for link in links), default=owner.created_at),
        author=owner.username,
        entries=[_entry_of_link(owner, link) for link in links],
    )


def _entry_of_link(owner: User, link: Link) -> Entry:
    return Entry(
        id=atom.permanent_id("link", *_lasting(owner), link.id),
        title=_name(link.title, link.url),
        url=link.url,
        updated=link.updated_at,
        published=link.created_at,
        summary=link.description,
        categories=link.tags,
    )


def _feed_of_news(owner: User, events: tuple[NewsEvent, ...], url: str) -> Feed:
    return Feed(
        id=atom.permanent_id("news", *_lasting(owner)),
        title=f"News of {owner.username}",
        url=url,
        updated=max((event.timestamp for event in events), default=owner.created_at),
        author=owner.username,
        entries=[_entry_of_news(event) for event in events],
    )


def _entry_of_news(event: NewsEvent) -> Entry:
    return Entry(
        id=atom.permanent_id("event", event.id),
        title=f"{event.username} {_DONE[event.event_type]} {_name(event.title, event.url)}",
        url=event.url,
        updated=event.timestamp,
        author=event.username,
        categories=(event.event_type,),
    )


def _lasting(owner: User) -> tuple[str, str]:
    """Returns what tells an account from all others, of every Delinkcious, for ever."""
    return owner.username, owner.created_at.astimezone(UTC).isoformat()


def _name(title: str, url: str) -> str:
    return atom.plain(title).strip() or url


def _address_of_news(public_url: str, secret: str) -> str:
    return f"{base_url(public_url)}/v1/news/feeds/{secret}.atom"


def _response(feed: Feed, cache_control: str) -> Response:
    """Returns the feed, or that the client has it already; Werkzeug then leaves out the body."""
    document = feed.to_xml()
    response = Response(document, content_type=atom.MEDIA_TYPE)
    response.headers["Cache-Control"] = cache_control
    response.set_etag(hashlib.sha256(document).hexdigest())
    # Dates that people imported may lie in the future, where none of ours may.
    response.last_modified = min(feed.updated, datetime.now(UTC))
    if _is_known(response):
        response.status_code = 304
    return response


def _is_known(response: Response) -> bool:
    """Tells whether the client has this response. A date must be the same and not just as late: of
    a feed that has lost its newest entry, the date goes back (ADR-0019).
    """
    etag, _ = response.get_etag()
    if request.if_none_match:
        return request.if_none_match.contains_weak(etag or "")
    return request.if_modified_since == response.last_modified
