"""The user's account, API tokens, and logging out."""

from dataclasses import asdict

from flask import Response, g

from api_gateway import delegation
from api_gateway.cookies import drop_session
from api_gateway.policy import authenticated
from api_gateway.sessions import Sessions
from delinkcious.errors import AlreadyExists, FailedPrecondition, NotFound, PermissionDenied
from delinkcious.http.app import RestApp, json_response, no_content
from delinkcious.http.decode import ANY, reads
from delinkcious.http.openapi import problems
from delinkcious.object_model.users import Identity, Scope, UserManager
from delinkcious.schemas.users import (
    ApiTokensSchema,
    CreateToken,
    NewApiTokenSchema,
    UserSchema,
)


def add_account(app: RestApp, users: UserManager, sessions: Sessions) -> None:
    """Adds the endpoints of the account, and logging out."""

    @app.get("/v1/me")
    @authenticated(Scope.ACCOUNT)
    @app.output(UserSchema, description="Your account.")
    @app.doc(tags=["Account"], operation_id="getMe", responses=problems(NotFound))
    def get_me(caller: Identity) -> Response:
        """Show your account."""
        return json_response(users.get_user(caller.username))

    @app.post("/logout")
    @authenticated()
    @app.output({}, status_code=204, description="The session is over, everywhere.")
    @app.doc(tags=["Login"], operation_id="logout")
    def logout(_caller: Identity) -> Response:
        """Log out.

        Ends the session of the token or the cookie that this request carries. An API token is no
        session: it stays as it is until it is revoked.
        """
        users.logout(g.token)
        sessions.forget(g.token)
        response = no_content()
        drop_session(response)
        return response


def add_tokens(app: RestApp, users: UserManager, sessions: Sessions) -> None:
    """Adds the endpoints of API tokens."""

    @app.get("/v1/tokens")
    @authenticated(Scope.ACCOUNT)
    @app.output(ApiTokensSchema, description="Your API tokens, oldest first.")
    @app.doc(tags=["Account"], operation_id="getTokens")
    def get_tokens(caller: Identity) -> Response:
        """List your API tokens."""
        return json_response({"tokens": users.get_tokens(caller.username)})

    @app.post("/v1/tokens")
    @authenticated(Scope.ACCOUNT)
    @reads(app, CreateToken, ANY)
    @app.output(NewApiTokenSchema, status_code=201, description="The token, with its secret.")
    @app.doc(
        tags=["Account"],
        operation_id="createToken",
        responses=problems(AlreadyExists, FailedPrecondition, PermissionDenied),
    )
    def create_token(caller: Identity, wanted: CreateToken) -> Response:
        """Make an API token.

        For programs: it needs no login, and works until it expires or is revoked. An API token
        makes none that may do more, or lives longer, than itself.
        """
        scopes = None if wanted.scopes is None else tuple(wanted.scopes)
        delegation.check(caller, scopes, wanted.expires_at)
        made = users.create_token(caller.username, wanted.name, scopes, wanted.expires_at)
        return json_response({**asdict(made.details), "token": made.token}, 201)

    @app.delete("/v1/tokens")
    @authenticated(Scope.ACCOUNT)
    @app.output({}, status_code=204, description="They are good for nothing any more.")
    @app.doc(tags=["Account"], operation_id="revokeTokens")
    def revoke_tokens(caller: Identity) -> Response:
        """Revoke all your API tokens.

        The one that this request is made with too, if it is one. Sessions stay as they are.
        """
        users.revoke_tokens(caller.username)
        sessions.forget_user(caller.username)
        return no_content()

    @app.delete("/v1/tokens/<id:token_id>")
    @authenticated(Scope.ACCOUNT)
    @app.output({}, status_code=204, description="It is good for nothing any more.")
    @app.doc(tags=["Account"], operation_id="revokeToken", responses=problems(NotFound))
    def revoke_token(caller: Identity, token_id: int) -> Response:
        """Revoke an API token."""
        users.revoke_token(caller.username, token_id)
        sessions.forget_user(caller.username)  # its secret, and so its place, is not known here
        return no_content()
