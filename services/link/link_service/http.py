"""The REST transport of the link service: decode, call, encode. Only the gateway may call it."""

from typing import Final

from flask import Response
from pydantic import BaseModel

from delinkcious.auth import MutualAuth
from delinkcious.http.app import RestApp, create_app, json_response, no_content
from delinkcious.http.callers import allow
from delinkcious.http.decode import ANY, QUERY, reads
from delinkcious.info import version_of
from delinkcious.object_model.links import LinkManager
from delinkcious.schemas.common import Username
from delinkcious.schemas.links import (
    AddLink,
    LinkFilters,
    LinkSchema,
    LinksSchema,
    NameLink,
    TagsSchema,
    UpdateLink,
)

GATEWAY: Final = "api-gateway"


class Owner(BaseModel):
    """Whose links."""

    username: Username


class GetLinks(LinkFilters, Owner):
    """Which links of whom."""

    public_only: bool = False


class AddLinkOf(AddLink, Owner):
    """A link to be saved for somebody."""


class UpdateLinkOf(UpdateLink, Owner):
    """A change of somebody's link."""


class DeleteLinkOf(NameLink, Owner):
    """Names somebody's link."""


def create_link_app(manager: LinkManager, auth: MutualAuth) -> RestApp:
    """Returns the application that serves a link manager."""
    app = create_app(__name__, title="Link service", version=version_of("link-manager"), auth=auth)

    @app.get("/links")
    @allow(GATEWAY)
    @reads(app, GetLinks, QUERY)
    @app.output(LinksSchema)
    def get_links(wanted: GetLinks) -> Response:
        query = wanted.to_query(wanted.username, public_only=wanted.public_only)
        return json_response(manager.get_links(query).body)

    @app.post("/links")
    @allow(GATEWAY)
    @reads(app, AddLinkOf, ANY)
    @app.output(LinkSchema, status_code=201)
    def add_link(new: AddLinkOf) -> Response:
        return json_response(manager.add_link(new.username, new.to_link()), 201)

    @app.put("/links")
    @allow(GATEWAY)
    @reads(app, UpdateLinkOf, ANY)
    @app.output(LinkSchema)
    def update_link(change: UpdateLinkOf) -> Response:
        return json_response(manager.update_link(change.username, change.to_change()))

    @app.delete("/links")
    @allow(GATEWAY)
    @reads(app, DeleteLinkOf, QUERY)
    @app.output({}, status_code=204)
    def delete_link(link: DeleteLinkOf) -> Response:
        manager.delete_link(link.username, link.url)
        return no_content()

    @app.get("/tags")
    @allow(GATEWAY)
    @reads(app, Owner, QUERY)
    @app.output(TagsSchema)
    def get_tags(owner: Owner) -> Response:
        return json_response({"tags": manager.get_tags(owner.username)})

    return app
