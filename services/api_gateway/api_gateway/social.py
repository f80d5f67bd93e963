"""Who follows whom: the user's followers, and whom the user follows."""

from flask import Response
from pydantic import BaseModel

from api_gateway.policy import authenticated
from delinkcious.errors import AlreadyExists, InvalidArgument, NotFound
from delinkcious.http.app import RestApp, json_response, no_content
from delinkcious.http.decode import ANY, QUERY, reads
from delinkcious.http.openapi import problems
from delinkcious.object_model.social_graph import SocialGraphManager
from delinkcious.object_model.users import Identity, Scope, UserManager
from delinkcious.schemas.common import Paging, Username
from delinkcious.schemas.social_graph import FollowersSchema, FollowingSchema


class NameUser(BaseModel):
    """Names a user."""

    username: Username


def add_lists_of_users(app: RestApp, graph: SocialGraphManager) -> None:
    """Adds what lists followers and following."""

    @app.get("/v1/followers")
    @authenticated(Scope.SOCIAL)
    @reads(app, Paging, QUERY)
    @app.output(FollowersSchema, description="A page of names.")
    @app.doc(tags=["People"], operation_id="getFollowers")
    def get_followers(caller: Identity, wanted: Paging) -> Response:
        """List your followers."""
        page = graph.get_followers(caller.username, wanted.start_token, wanted.page_size)
        return json_response({"followers": page.usernames, "next_page_token": page.next_page_token})

    @app.get("/v1/following")
    @authenticated(Scope.SOCIAL)
    @reads(app, Paging, QUERY)
    @app.output(FollowingSchema, description="A page of names.")
    @app.doc(tags=["People"], operation_id="getFollowing")
    def get_following(caller: Identity, wanted: Paging) -> Response:
        """List whom you follow."""
        page = graph.get_following(caller.username, wanted.start_token, wanted.page_size)
        return json_response({"following": page.usernames, "next_page_token": page.next_page_token})


def add_changes_of_following(app: RestApp, graph: SocialGraphManager, users: UserManager) -> None:
    """Adds following and its end."""

    @app.post("/v1/following")
    @authenticated(Scope.SOCIAL)
    @reads(app, NameUser, ANY)
    @app.output(NameUser, status_code=201, description="You follow this user now.")
    @app.doc(
        tags=["People"],
        operation_id="follow",
        responses=problems(NotFound, AlreadyExists),
    )
    def follow(caller: Identity, wanted: NameUser) -> Response:
        """Follow somebody.

        What they do with their public links is in your news from now on.
        """
        followed = users.get_user(wanted.username).username
        try:
            graph.follow(followed, caller.username)
        except InvalidArgument as error:
            raise InvalidArgument.of("username", error.violations[0].detail) from None
        return json_response({"username": followed}, 201)

    @app.delete("/v1/following")
    @authenticated(Scope.SOCIAL)
    @reads(app, NameUser, QUERY)
    @app.output({}, status_code=204, description="You do not follow this user any more.")
    @app.doc(tags=["People"], operation_id="unfollow", responses=problems(NotFound))
    def unfollow(caller: Identity, wanted: NameUser) -> Response:
        """Stop following somebody."""
        graph.unfollow(wanted.username, caller.username)
        return no_content()
