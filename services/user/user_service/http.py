"""The REST transport of the user service: decode, call, encode. Only the gateway may call it."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Final

from flask import Response
from pydantic import BaseModel, Field

from delinkcious.auth import MutualAuth
from delinkcious.errors import AlreadyExists, FailedPrecondition, NotFound, Unauthenticated
from delinkcious.http.app import RestApp, create_app, json_response, no_content
from delinkcious.http.decode import JSON, QUERY, reads
from delinkcious.http.openapi import problems
from delinkcious.info import version_of
from delinkcious.object_model.users import GitHubIdentity
from delinkcious.schemas.common import Text, Username
from delinkcious.schemas.users import (
    ApiTokensSchema,
    CreateToken,
    DeletionSchema,
    NewApiTokenSchema,
    NewsFeedSchema,
    SessionsSchema,
    UserSchema,
    deletion_to_json,
)
from user_service.callers import CALLERS
from user_service.manager import UserManager

_EXISTED: Final[dict[int | str, Any]] = {
    200: {
        "description": "There was one; its name and e-mail address are up to date.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/UserSchema"}}},
    }
}


class Register(BaseModel):
    """Who GitHub says somebody is."""

    github_id: int = Field(ge=1, lt=2**63)
    login: Annotated[Text, Field(min_length=1, max_length=100)]
    name: Annotated[Text, Field(max_length=300, description="the login, if it is empty")] = ""
    email: Annotated[Text, Field(max_length=320)] = ""

    def to_identity(self) -> GitHubIdentity:
        """Returns who it is."""
        return GitHubIdentity(self.github_id, self.login, self.name, self.email)


class Owner(BaseModel):
    """Whose session or tokens."""

    username: Username


class GivenToken(BaseModel):
    """A token of whatever kind."""

    token: Annotated[str, Field(min_length=1, max_length=512)]


class OpenSessionOf(Owner):
    """Who logs in, and with what."""

    client: Annotated[Text, Field(max_length=1000, description="what it calls itself")] = ""
    state: Annotated[
        Text, Field(max_length=128, description="of the login; opens one session, and no other")
    ] = ""


class RevokeSessions(Owner):
    """Whose sessions to end."""

    keep: int | None = Field(None, ge=0, lt=2**63, description="the id of one to keep")


class CreateTokenOf(CreateToken, Owner):
    """An API token to be made for somebody."""


class SessionSchema(BaseModel):
    """A session just opened; `access_token` is shown here and never again."""

    access_token: str
    username: str
    expires_at: datetime


class IdentitySchema(BaseModel):
    """Whom a token belongs to."""

    username: str
    scopes: list[str] | None = Field(description="null: everything")
    expires_at: datetime | None = Field(description="null: never")
    session_id: int | None = Field(description="null: it is no session")
    token_id: int | None = Field(description="null: it is no API token")


class AuthenticationSchema(BaseModel):
    """Whom a token belongs to, if to anybody."""

    identity: IdentitySchema | None = Field(description="null: unknown, expired or revoked")


class GivenFeedSecret(BaseModel):
    """The secret of a news feed."""

    secret: Annotated[str, Field(min_length=1, max_length=512)]


class FeedSecretSchema(BaseModel):
    """The secret of a news feed, just made; it is shown here and never again."""

    secret: str
    created_at: datetime


def create_user_app(manager: UserManager, auth: MutualAuth) -> RestApp:
    """Returns the application that serves a user manager."""
    app = create_app(
        __name__,
        title="User service",
        version=version_of("user-manager"),
        auth=auth,
        allowed=CALLERS,
    )
    _add_accounts(app, manager)
    _add_sessions(app, manager)
    _add_tokens(app, manager)
    _add_feed_secrets(app, manager)
    _add_deletions(app, manager)
    return app


def _add_accounts(app: RestApp, manager: UserManager) -> None:
    @app.post("/register")
    @reads(app, Register, JSON)
    @app.output(UserSchema, status_code=201, description="There is a new account.")
    @app.doc(responses=_EXISTED | problems(FailedPrecondition))
    def register(wanted: Register) -> Response:
        registration = manager.register_account(wanted.to_identity())
        return json_response(registration.user, 201 if registration.is_new else 200)

    @app.get("/users/<username:username>")
    @app.output(UserSchema)
    @app.doc(responses=problems(NotFound))
    def get_user(username: str) -> Response:
        return json_response(manager.get_user(username))


def _add_sessions(app: RestApp, manager: UserManager) -> None:
    @app.post("/login")
    @reads(app, OpenSessionOf, JSON)
    @app.output(SessionSchema, status_code=201)
    @app.doc(responses=problems(NotFound, AlreadyExists))
    def login(wanted: OpenSessionOf) -> Response:
        session = manager.login(wanted.username, wanted.client, wanted.state)
        return json_response(session, 201)

    @app.get("/sessions")
    @reads(app, Owner, QUERY)
    @app.output(SessionsSchema)
    def get_sessions(owner: Owner) -> Response:
        return json_response({"sessions": manager.get_sessions(owner.username)})

    @app.delete("/sessions")
    @reads(app, RevokeSessions, QUERY)
    @app.output({}, status_code=204)
    def revoke_sessions(which: RevokeSessions) -> Response:
        manager.revoke_sessions(which.username, which.keep)
        return no_content()

    @app.delete("/sessions/<int:session_id>")
    @reads(app, Owner, QUERY)
    @app.output({}, status_code=204)
    @app.doc(responses=problems(NotFound))
    def revoke_session(session_id: int, owner: Owner) -> Response:
        manager.revoke_session(owner.username, session_id)
        return no_content()

    @app.post("/logout")
    @reads(app, GivenToken, JSON)
    @app.output({}, status_code=204)
    def logout(given: GivenToken) -> Response:
        manager.logout(given.token)
        return no_content()

    @app.post("/authenticate")
    @reads(app, GivenToken, JSON)
    @app.output(AuthenticationSchema)
    def authenticate(given: GivenToken) -> Response:
        try:
            identity = manager.authenticate(given.token)
        except Unauthenticated:
            # A good answer to a good question: a 401 would say that the gateway may not ask it.
            return json_response({"identity": None})
        return json_response({"identity": identity})


def _add_tokens(app: RestApp, manager: UserManager) -> None:
    @app.get("/tokens")
    @reads(app, Owner, QUERY)
    @app.output(ApiTokensSchema)
    def get_tokens(owner: Owner) -> Response:
        return json_response({"tokens": manager.get_tokens(owner.username)})

    @app.post("/tokens")
    @reads(app, CreateTokenOf, JSON)
    @app.output(NewApiTokenSchema, status_code=201)
    @app.doc(responses=problems(NotFound, AlreadyExists, FailedPrecondition))
    def create_token(wanted: CreateTokenOf) -> Response:
        scopes = None if wanted.scopes is None else tuple(wanted.scopes)
        made = manager.create_token(wanted.username, wanted.name, scopes, wanted.expires_at)
        return json_response({**asdict(made.details), "token": made.token}, 201)

    @app.delete("/tokens")
    @reads(app, Owner, QUERY)
    @app.output({}, status_code=204)
    def revoke_tokens(owner: Owner) -> Response:
        manager.revoke_tokens(owner.username)
        return no_content()

    @app.delete("/tokens/<int:token_id>")
    @reads(app, Owner, QUERY)
    @app.output({}, status_code=204)
    @app.doc(responses=problems(NotFound))
    def revoke_token(token_id: int, owner: Owner) -> Response:
        manager.revoke_token(owner.username, token_id)
        return no_content()


def _add_feed_secrets(app: RestApp, manager: UserManager) -> None:
    @app.get("/feed_secret")
    @reads(app, Owner, QUERY)
    @app.output(NewsFeedSchema)
    def get_feed_secret_time(owner: Owner) -> Response:
        return json_response({"created_at": manager.get_feed_secret_time(owner.username)})

    @app.post("/feed_secret")
    @reads(app, Owner, JSON)
    @app.output(FeedSecretSchema, status_code=201)
    @app.doc(responses=problems(NotFound))
    def create_feed_secret(owner: Owner) -> Response:
        return json_response(manager.create_feed_secret(owner.username), 201)

    @app.delete("/feed_secret")
    @reads(app, Owner, QUERY)
    @app.output({}, status_code=204)
    @app.doc(responses=problems(NotFound))
    def revoke_feed_secret(owner: Owner) -> Response:
        manager.revoke_feed_secret(owner.username)
        return no_content()

    @app.post("/feed_secret/owner")
    @reads(app, GivenFeedSecret, JSON)
    @app.output(UserSchema)
    @app.doc(responses=problems(NotFound))
    def get_feed_owner(given: GivenFeedSecret) -> Response:
        return json_response(manager.get_feed_owner(given.secret))


def _add_deletions(app: RestApp, manager: UserManager) -> None:
    @app.delete("/users/<username:username>")
    @app.output(DeletionSchema, status_code=202)
    @app.doc(responses=problems(NotFound))
    def delete_account(username: str) -> Response:
        return json_response(deletion_to_json(manager.delete_account(username)), 202)

    @app.get("/deletions/<deletion_id>")
    @app.output(DeletionSchema)
    @app.doc(responses=problems(NotFound))
    def get_deletion(deletion_id: str) -> Response:
        return json_response(deletion_to_json(manager.get_deletion(deletion_id)))
