"""Tags: the user's own, counted, renamed and deleted."""

from flask import Response

from api_gateway.policy import authenticated
from delinkcious.errors import NotFound
from delinkcious.http.app import RestApp, json_response
from delinkcious.http.decode import ANY, QUERY, reads
from delinkcious.http.openapi import problems
from delinkcious.http.slots import Slots
from delinkcious.object_model.links import LinkManager
from delinkcious.object_model.users import Identity, Scope
from delinkcious.schemas.links import RenameTag, TagChangeSchema, TagFilters, TagsSchema


def add_tags(app: RestApp, links: LinkManager, places: Slots) -> None:
    """Adds what reads and changes tags. A tag may have a slash in its name.

    Args:
        places: for changes of many links, which take long.
    """

    @app.get("/v1/tags")
    @authenticated(Scope.LINKS_READ)
    @reads(app, TagFilters, QUERY)
    @app.output(TagsSchema, description="A page of your tags by name.")
    @app.doc(tags=["Links"], operation_id="getTags")
    def get_tags(caller: Identity, wanted: TagFilters) -> Response:
        """List your tags, and on how many links each is."""
        page = links.get_tags(
            caller.username,
            prefix=wanted.prefix,
            start_token=wanted.start_token,
            page_size=wanted.page_size,
        )
        return json_response(page)

    @app.put("/v1/tags/<tag:name>")
    @authenticated(Scope.LINKS_WRITE)
    @reads(app, RenameTag, ANY)
    @app.output(TagChangeSchema, description="It has the new name.")
    @app.doc(tags=["Links"], operation_id="renameTag", responses=problems(NotFound))
    def rename_tag(caller: Identity, name: str, tag: RenameTag) -> Response:
        """Rename a tag on all your links.

        If there is a tag of the new name already, the two become one. Links change in batches:
        should the call be cut short, repeat it.
        """
        with places.one_for(caller.username):
            return json_response({"links": links.rename_tag(caller.username, name, tag.name)})

    @app.delete("/v1/tags/<tag:name>")
    @authenticated(Scope.LINKS_WRITE)
    @app.output(TagChangeSchema, description="No link has it any more.")
    @app.doc(tags=["Links"], operation_id="deleteTag", responses=problems(NotFound))
    def delete_tag(caller: Identity, name: str) -> Response:
        """Take a tag from all your links."""
        with places.one_for(caller.username):
            return json_response({"links": links.delete_tag(caller.username, name)})
