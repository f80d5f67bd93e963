"""Links: the user's own, and what everybody may see of others'."""

from flask import Response

from api_gateway.limits import count_check
from api_gateway.policy import authenticated
from delinkcious.errors import AlreadyExists, FailedPrecondition, Gone, NotFound
from delinkcious.http.app import RestApp, json_response, no_content
from delinkcious.http.decode import ANY, JSON, QUERY, reads
from delinkcious.http.openapi import problems
from delinkcious.http.slots import Slots
from delinkcious.object_model.links import LinkManager, LinkQuery
from delinkcious.object_model.users import Identity, Scope, UserManager
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
    UpdateLink,
)


def add_lists_of_links(
    app: RestApp, links: LinkManager, users: UserManager, regexes: Slots
) -> None:
    """Adds what reads links. Pages pass through as the bytes that they came in.

    Args:
        regexes: places for searches by regular expressions, which may take long.
    """

    def page(caller: Identity, query: LinkQuery) -> Response:
        if query.by_regex:
            with regexes.one_for(caller.username):
                return json_response(links.get_links(query).body)
        return json_response(links.get_links(query).body)

    @app.get("/v1/links")
    @authenticated(Scope.LINKS_READ)
    @reads(app, LinkFilters, QUERY)
    @app.output(LinksSchema, description="A page of your links.")
    @app.doc(tags=["Links"], operation_id="getLinks")
    def get_links(caller: Identity, wanted: LinkFilters) -> Response:
        """List your links.

        Every filter that is given must match; `q` is a query of its own. `next_page_token` of one
        page is `start_token` of the next, with the same filters and order; links added meanwhile
        are neither skipped nor repeated.
        """
        return page(caller, wanted.to_query(caller.username))

    @app.get("/v1/links/lookup")
    @authenticated(Scope.LINKS_READ)
    @reads(app, NameLink, QUERY)
    @app.output(LookupSchema, description="What is known of the URL.")
    @app.doc(tags=["Links"], operation_id="lookUpLink")
    def look_up(caller: Identity, link: NameLink) -> Response:
        """Find out whether you have saved a URL.

        And how many people have saved it publicly. URLs that differ only in form are the same.
        """
        return json_response(links.lookup(caller.username, link.url))

    @app.get("/v1/changes")
    @authenticated(Scope.LINKS_READ)
    @reads(app, ChangesSince, QUERY)
    @app.output(ChangesSchema, description="What changed, oldest first.")
    @app.doc(tags=["Links"], operation_id="getChanges", responses=problems(Gone))
    def get_changes(caller: Identity, wanted: ChangesSince) -> Response:
        """List what was added, changed or deleted.

        Enough to mirror your collection: begin without `since`, and keep `next_token` for the next
        time. Deletions are known for 90 days; a token from before them is answered with 410, and
        then you begin again without one.
        """
        changes = links.get_changes(caller.username, since=wanted.since, page_size=wanted.page_size)
        return json_response(changes.body)

    @app.get("/v1/users/<username:username>/links")
    @authenticated(Scope.LINKS_READ)
    @reads(app, LinkFilters, QUERY)
    @app.output(LinksSchema, description="A page of the user's public links.")
    @app.doc(tags=["Links"], operation_id="getLinksOfUser", responses=problems(NotFound))
    def get_links_of(caller: Identity, username: str, wanted: LinkFilters) -> Response:
        """List somebody's public links.

        What everybody sees, whoever asks: your own private links are left out, too.
        """
        owner = users.get_user(username).username
        return page(caller, wanted.to_query(owner, public_only=True))


def add_changes_of_links(app: RestApp, links: LinkManager, places: Slots) -> None:
    """Adds what saves, changes and deletes links.

    Args:
        places: for changes of many links, which take long.
    """

    @app.post("/v1/links")
    @authenticated(Scope.LINKS_WRITE)
    @reads(app, AddLink, ANY)
    @app.output(LinkSchema, status_code=201, description="The link.")
    @app.doc(
        tags=["Links"],
        operation_id="addLink",
        responses=problems(AlreadyExists, FailedPrecondition),
    )
    def add_link(caller: Identity, new: AddLink) -> Response:
        """Save a link.

        Its status is `pending` until it has been checked. URLs that differ only in form (the case
        of the host, a default port, the fragment, tracking parameters, …) are the same link.
        """
        return json_response(links.add_link(caller.username, new.to_link()), 201)

    @app.put("/v1/links")
    @authenticated(Scope.LINKS_WRITE)
    @reads(app, UpdateLink, ANY)
    @app.output(LinkSchema, description="The link as it is now.")
    @app.doc(tags=["Links"], operation_id="updateLink", responses=problems(NotFound))
    def update_link(caller: Identity, change: UpdateLink) -> Response:
        """Change a link.

        `url` names it; what is left out stays as it is.
        """
        return json_response(links.update_link(caller.username, change.to_change()))

    @app.post("/v1/links/bulk")
    @authenticated(Scope.LINKS_WRITE)
    @reads(app, ChangeLinks, JSON)
    @app.output(BulkResultSchema, description="What was done.")
    @app.doc(tags=["Links"], operation_id="changeLinks")
    def change_links(caller: Identity, wanted: ChangeLinks) -> Response:
        """Change many links.

        All of them or none, up to 1,000 in one call. If `q` finds more, `next_page_token` of the
        answer is the `start_token` of the next call.
        """
        if wanted.check:
            count_check(caller.username)
        with places.one_for(caller.username):
            return json_response(links.bulk_change(caller.username, wanted.to_change()))

    @app.post("/v1/links/check")
    @authenticated(Scope.LINKS_WRITE)
    @reads(app, CheckLinks, ANY)
    @app.output(ChecksSchema, status_code=202, description="They will be checked.")
    @app.doc(tags=["Links"], operation_id="checkLinks", responses=problems(NotFound))
    def check_links(caller: Identity, wanted: CheckLinks) -> Response:
        """Have links checked.

        Now, and not when it would be their turn: one by its `url`, or up to 100 by their `ids`, of
        which those that are not yours are passed over. `last_check` tells when it is done.
        """
        checks = links.check_links(caller.username, url=wanted.url, ids=wanted.ids)
        return json_response({"checks": checks}, 202)

    @app.delete("/v1/links")
    @authenticated(Scope.LINKS_WRITE)
    @reads(app, NameLink, QUERY)
    @app.output({}, status_code=204, description="It is gone.")
    @app.doc(tags=["Links"], operation_id="deleteLink", responses=problems(NotFound))
    def delete_link(caller: Identity, link: NameLink) -> Response:
        """Delete a link."""
        links.delete_link(caller.username, link.url)
        return no_content()
