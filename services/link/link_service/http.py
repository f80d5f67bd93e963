"""The REST transport of the link service: decode, call, encode. Only the gateway may call it."""

from contextlib import nullcontext
from datetime import datetime
from typing import Any, Final

from flask import Response
from pydantic import BaseModel, Field

from delinkcious.auth import MutualAuth
from delinkcious.errors import (
    AlreadyExists,
    FailedPrecondition,
    Gone,
    NotFound,
    ResourceExhausted,
)
from delinkcious.http.app import RestApp, create_app, json_response, no_content
from delinkcious.http.decode import ANY, JSON, QUERY, reads
from delinkcious.http.openapi import problems
from delinkcious.http.slots import Slots
from delinkcious.info import version_of
from delinkcious.object_model.links import MAX_AUTHORS, LinkManager, PublicLink, Visibility
from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from delinkcious.schemas.common import Text, Username
from delinkcious.schemas.links import (
    AddLink,
    BulkResultSchema,
    ChangeLinks,
    ChangesSchema,
    ChangesSince,
    CheckLinks,
    ChecksSchema,
    LinkFilters,
    LinkSchema,
    LinksSchema,
    LookupSchema,
    NameLink,
    Tag,
    TagChangeSchema,
    TagFilters,
    TagsSchema,
    UpdateLink,
)
from link_service.callers import CALLERS

_NO_PLACE: Final = nullcontext()


class Owner(BaseModel):
    """Whose links."""

    username: Username


class LatestOf(BaseModel):
    """How many of the newest public links of whom."""

    username: tuple[Username, ...] = Field(min_length=1, max_length=MAX_AUTHORS)
    limit: int = Field(DEFAULT_PAGE_SIZE, ge=1, le=MAX_PAGE_SIZE)


class AddedLink(BaseModel):
    """A link as events tell of it, and when it was added."""

    author: str
    link: dict[str, Any]
    added_at: datetime


class LatestSchema(BaseModel):
    """The newest public links of some authors, newest first."""

    links: list[AddedLink]


class GetLinks(LinkFilters, Owner):
    """Which links of whom."""

    public_only: bool = False


class AddLinkOf(AddLink, Owner):
    """A link to be saved for somebody."""


class UpdateLinkOf(UpdateLink, Owner):
    """A change of somebody's link."""


class LinkOf(NameLink, Owner):
    """Names somebody's link."""


class ChangeLinksOf(ChangeLinks, Owner):
    """A change of many of somebody's links."""


class CheckLinksOf(CheckLinks, Owner):
    """Which links of whom to check."""


class ChangesOf(ChangesSince, Owner):
    """Which changes of whose collection."""


class TagsOf(TagFilters, Owner):
    """Which tags of whom."""


class TagOf(Owner):
    """Names somebody's tag: not in the path, where HTTP clients take some names for folders."""

    name: Text = Field(examples=["python"])


class RenameTagOf(TagOf):
    """The new name of somebody's tag."""

    new_name: Tag


def create_link_app(manager: LinkManager, auth: MutualAuth, long_calls: int = 2) -> RestApp:
    """Returns the application that serves a link manager.

    Args:
        long_calls: how many searches by regular expressions and changes of many links may be worked
            on at a time: each takes long, and must leave threads to all others.
    """
    app = create_app(
        __name__,
        title="Link service",
        version=version_of("link-manager"),
        auth=auth,
        allowed=CALLERS,
    )
    # Gateways see to it that nobody has them all.
    places = Slots(long_calls, long_calls + 1, "searches and changes", full=ResourceExhausted)

    @app.get("/links")
    @reads(app, GetLinks, QUERY)
    @app.output(LinksSchema)
    @app.doc(responses=problems(ResourceExhausted))
    def get_links(wanted: GetLinks) -> Response:
        query = wanted.to_query(wanted.username, public_only=wanted.public_only)
        with places.one_for(wanted.username) if query.by_regex else _NO_PLACE:
            return json_response(manager.get_links(query).body)

    @app.post("/links")
    @reads(app, AddLinkOf, ANY)
    @app.output(LinkSchema, status_code=201)
    @app.doc(responses=problems(AlreadyExists, FailedPrecondition))
    def add_link(new: AddLinkOf) -> Response:
        return json_response(manager.add_link(new.username, new.to_link()), 201)

    @app.put("/links")
    @reads(app, UpdateLinkOf, ANY)
    @app.output(LinkSchema)
    @app.doc(responses=problems(NotFound))
    def update_link(change: UpdateLinkOf) -> Response:
        return json_response(manager.update_link(change.username, change.to_change()))

    @app.delete("/links")
    @reads(app, LinkOf, QUERY)
    @app.output({}, status_code=204)
    @app.doc(responses=problems(NotFound))
    def delete_link(link: LinkOf) -> Response:
        manager.delete_link(link.username, link.url)
        return no_content()

    @app.get("/links/lookup")
    @reads(app, LinkOf, QUERY)
    @app.output(LookupSchema)
    def lookup(link: LinkOf) -> Response:
        return json_response(manager.lookup(link.username, link.url))

    @app.post("/links/bulk")
    @reads(app, ChangeLinksOf, JSON)
    @app.output(BulkResultSchema)
    @app.doc(responses=problems(ResourceExhausted))
    def change_links(wanted: ChangeLinksOf) -> Response:
        with places.one_for(wanted.username):
            return json_response(manager.bulk_change(wanted.username, wanted.to_change()))

    @app.post("/links/check")
    @reads(app, CheckLinksOf, JSON)
    @app.output(ChecksSchema, status_code=202)
    @app.doc(responses=problems(NotFound))
    def check_links(wanted: CheckLinksOf) -> Response:
        checks = manager.check_links(wanted.username, url=wanted.url, ids=wanted.ids)
        return json_response({"checks": checks}, 202)

    @app.get("/latest")
    @reads(app, LatestOf, QUERY)
    @app.output(LatestSchema)
    def get_latest(wanted: LatestOf) -> Response:
        latest = manager.get_latest(wanted.username, wanted.limit)
        return json_response({"links": [_added(link) for link in latest]})

    @app.get("/changes")
    @reads(app, ChangesOf, QUERY)
    @app.output(ChangesSchema)
    @app.doc(responses=problems(Gone))
    def get_changes(wanted: ChangesOf) -> Response:
        changes = manager.get_changes(
            wanted.username, since=wanted.since, page_size=wanted.page_size
        )
        return json_response(changes.body)

    _add_tags(app, manager, places)
    return app


def _add_tags(app: RestApp, manager: LinkManager, places: Slots) -> None:
    @app.get("/tags")
    @reads(app, TagsOf, QUERY)
    @app.output(TagsSchema)
    def get_tags(wanted: TagsOf) -> Response:
        page = manager.get_tags(
            wanted.username,
            prefix=wanted.prefix,
            start_token=wanted.start_token,
            page_size=wanted.page_size,
        )
        return json_response(page)

    @app.put("/tags")
    @reads(app, RenameTagOf, JSON)
    @app.output(TagChangeSchema)
    @app.doc(responses=problems(NotFound, ResourceExhausted))
    def rename_tag(tag: RenameTagOf) -> Response:
        with places.one_for(tag.username):
            changed = manager.rename_tag(tag.username, tag.name, tag.new_name)
        return json_response({"links": changed})

    @app.delete("/tags")
    @reads(app, TagOf, QUERY)
    @app.output(TagChangeSchema)
    @app.doc(responses=problems(NotFound, ResourceExhausted))
    def delete_tag(tag: TagOf) -> Response:
        with places.one_for(tag.username):
            return json_response({"links": manager.delete_tag(tag.username, tag.name)})


def _added(link: PublicLink) -> dict[str, Any]:
    told = {
        "id": link.id,
        "url": link.url,
        "title": link.title,
        "tags": link.tags,
        "visibility": Visibility.PUBLIC,
    }
    return {"author": link.author, "link": told, "added_at": link.added_at}
