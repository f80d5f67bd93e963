"""The REST transport of the social graph service: decode, call, encode."""

from flask import Response

from delinkcious.auth import MutualAuth
from delinkcious.errors import AlreadyExists, NotFound
from delinkcious.http.app import RestApp, create_app, json_response, no_content
from delinkcious.http.decode import JSON, QUERY, reads
from delinkcious.http.openapi import problems
from delinkcious.info import version_of
from delinkcious.object_model.social_graph import SocialGraphManager
from delinkcious.schemas.social_graph import (
    Follow,
    FollowersSchema,
    FollowingSchema,
    GraphPaging,
)
from social_graph_service.callers import CALLERS


def create_social_graph_app(manager: SocialGraphManager, auth: MutualAuth) -> RestApp:
    """Returns the application that serves a social graph manager."""
    version = version_of("social-graph-manager")
    app = create_app(
        __name__, title="Social graph service", version=version, auth=auth, allowed=CALLERS
    )

    @app.post("/follow")
    @reads(app, Follow, JSON)
    @app.output(Follow, status_code=201)
    @app.doc(responses=problems(AlreadyExists, NotFound))
    def follow(wanted: Follow) -> Response:
        manager.follow(wanted.followed, wanted.follower)
        return json_response(wanted.model_dump(), 201)

    @app.post("/unfollow")
    @reads(app, Follow, JSON)
    @app.output({}, status_code=204)
    @app.doc(responses=problems(NotFound))
    def unfollow(wanted: Follow) -> Response:
        manager.unfollow(wanted.followed, wanted.follower)
        return no_content()

    @app.get("/followers/<username:username>")
    @reads(app, GraphPaging, QUERY)
    @app.output(FollowersSchema)
    def get_followers(username: str, paging: GraphPaging) -> Response:
        page = manager.get_followers(username, paging.start_token, paging.page_size)
        return json_response({"followers": page.usernames, "next_page_token": page.next_page_token})

    @app.get("/followers")
    @reads(app, GraphPaging, QUERY)
    @app.output(FollowersSchema)
    def get_all_followers(paging: GraphPaging) -> Response:
        page = manager.get_all_followers(paging.start_token, paging.page_size)
        return json_response({"followers": page.usernames, "next_page_token": page.next_page_token})

    @app.get("/following/<username:username>")
    @reads(app, GraphPaging, QUERY)
    @app.output(FollowingSchema)
    def get_following(username: str, paging: GraphPaging) -> Response:
        page = manager.get_following(username, paging.start_token, paging.page_size)
        return json_response({"following": page.usernames, "next_page_token": page.next_page_token})

    return app
