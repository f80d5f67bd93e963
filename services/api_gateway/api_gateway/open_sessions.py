"""The user's open sessions: a list of them, and ending them one by one or all at once."""

from dataclasses import asdict

from flask import Response
from pydantic import BaseModel, Field

from api_gateway.cookies import drop_session
from api_gateway.policy import authenticated
from api_gateway.sessions import Sessions
from delinkcious.errors import NotFound
from delinkcious.http.app import RestApp, json_response, no_content
from delinkcious.http.decode import QUERY, reads
from delinkcious.http.openapi import problems
from delinkcious.object_model.users import Identity, Scope, UserManager
from delinkcious.schemas.users import OpenSessionSchema


class ListedSessionSchema(OpenSessionSchema):
    """An open session of yours."""

    current: bool = Field(description="whether this request is made with it")


class ListedSessionsSchema(BaseModel):
    """Your open sessions, oldest first."""

    sessions: list[ListedSessionSchema]


class EndSessions(BaseModel):
    """Which sessions to end."""

    keep_current: bool = Field(False, description="all but the one that this request is made with")


def add_sessions(app: RestApp, users: UserManager, sessions: Sessions) -> None:
    """Adds the endpoints of sessions."""

    @app.get("/v1/sessions")
    @authenticated(Scope.ACCOUNT)
    @app.output(ListedSessionsSchema, description="Your open sessions, oldest first.")
    @app.doc(tags=["Account"], operation_id="getSessions")
    def get_sessions(caller: Identity) -> Response:
        """List your sessions.

        One for each login that has not ended: what logged in, since when, and when it was used
        last, to within a minute. There are 100 at most: whoever logs in once more loses the one
        that was used the longest ago.
        """
        listed = [
            {**asdict(session), "current": session.id == caller.session_id}
            for session in users.get_sessions(caller.username)
        ]
        return json_response({"sessions": listed})

    @app.delete("/v1/sessions")
    @authenticated(Scope.ACCOUNT)
    @reads(app, EndSessions, QUERY)
    @app.output({}, status_code=204, description="They are over, everywhere.")
    @app.doc(tags=["Account"], operation_id="endSessions")
    def end_sessions(caller: Identity, which: EndSessions) -> Response:
        """End all your sessions.

        Whoever is logged in as you has to log in again; so have you, unless you keep the session
        that you ask with. API tokens stay as they are.
        """
        kept = caller.session_id if which.keep_current else None
        users.revoke_sessions(caller.username, kept)
        sessions.forget_user(caller.username)
        return _ended(is_own=kept is None)

    @app.delete("/v1/sessions/<id:session_id>")
    @authenticated(Scope.ACCOUNT)
    @app.output({}, status_code=204, description="It is over, everywhere.")
    @app.doc(tags=["Account"], operation_id="endSession", responses=problems(NotFound))
    def end_session(caller: Identity, session_id: int) -> Response:
        """End one of your sessions."""
        users.revoke_session(caller.username, session_id)
        sessions.forget_user(caller.username)  # its token, and so its place, is not known here
        return _ended(is_own=session_id == caller.session_id)


def _ended(*, is_own: bool) -> Response:
    response = no_content()
    if is_own:
        drop_session(response)
    return response
