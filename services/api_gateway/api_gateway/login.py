"""Logging in: to GitHub and back, and then a session of our own."""

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

import structlog
from flask import Response, after_this_request, request
from pydantic import BaseModel, Field

from api_gateway import cookies
from api_gateway.audit import name_github_user, origin, recording_failures
from api_gateway.base_url import base_url
from api_gateway.cookies import LoginCookie, PendingLogin
from api_gateway.github import IdentityProvider
from api_gateway.policy import public
from delinkcious.audit import Recorder
from delinkcious.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from delinkcious.http import observe
from delinkcious.http.app import RestApp, json_response
from delinkcious.http.decode import QUERY, reads
from delinkcious.http.openapi import Answers, problems
from delinkcious.http.slots import Slots
from delinkcious.object_model.users import Session, User, UserManager
from delinkcious.schemas.common import Text

logger = structlog.get_logger()

_AFTER_LOGIN: Final = "/v1/me"
_LOCATION: Final = {"Location": {"schema": {"type": "string", "format": "uri-reference"}}}
_ON_TO_GITHUB: Final[Answers] = {302: {"description": "On to GitHub.", "headers": _LOCATION}}
_LOGGED_IN: Final[Answers] = {
    303: {
        "description": "For a browser: the session is in a cookie; on to `next`.",
        "headers": _LOCATION,
    }
}

LocalPath = Annotated[
    str,
    Field(
        max_length=1024,
        pattern=r"^/([^/\\\x00-\x20\x7f][^\\\x00-\x20\x7f]*)?$",
        description="where a browser goes then: a path of this site",
    ),
]
"""Neither ``//elsewhere`` nor ``/\\elsewhere``, nor what browsers might read as one of them."""

AccountHint = Annotated[
    str,
    Field(
        max_length=64,
        pattern="^[A-Za-z0-9_-]+$",
        description="suggests a GitHub account",
        examples=["alice"],
    ),
]


class StartLogin(BaseModel):
    """How to log in."""

    next: LocalPath = _AFTER_LOGIN
    login: AccountHint | None = None


class FinishLogin(BaseModel):
    """What GitHub sends the browser back with."""

    state: Annotated[Text, Field(max_length=128, examples=["…"])]
    code: Annotated[Text, Field(max_length=256)] | None = None
    error: Annotated[Text, Field(max_length=64, description="why there is no code")] | None = None


class LoginSchema(BaseModel):
    """A session just opened; `access_token` is shown here and never again."""

    access_token: str
    token_type: str
    expires_at: datetime
    username: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Login:
    """The two halves of a login.

    Args:
        public_url: how browsers reach us; empty: as the request says (its ``Host``). GitHub accepts
            only the callback registered with it, so a forged host leads nowhere.
        at_once: how many may be on their way back from GitHub; each keeps a thread while GitHub
            is asked, and a GitHub that is slow must slow down nobody else.
    """

    users: UserManager
    provider: IdentityProvider
    cookie: LoginCookie
    public_url: str
    at_once: Slots

    def begin(self, wanted: StartLogin) -> Response:
        """Sends the browser to GitHub, with what binds the answer to this browser."""
        authorization = self.provider.authorize(self._callback(), wanted.login)
        response = Response(status=302, headers={"Location": authorization.url})
        pending = PendingLogin(authorization.state, authorization.code_verifier, wanted.next)
        self.cookie.put(response, pending, secure=self._is_secure())
        return response

    def finish(self, answer: FinishLogin) -> Response:
        """Opens a session for whomever GitHub vouches for."""
        with self.at_once.one_for(answer.state):
            pending = self._pending(answer)
            code, verifier = _code(answer), pending.code_verifier
            identity = self.provider.identify(code, verifier, self._callback())
        name_github_user(identity.id)
        user = self.users.register(identity)
        session = self._open_session(user, answer.state)
        observe.name_caller(request.environ, user.username)
        logger.info("logged_in", caller=user.username)
        if not _is_browser():
            return json_response(_login_document(user, session))
        response = Response(status=303, headers={"Location": pending.next})
        cookies.put_session(
            response, session.access_token, session.expires_at, secure=self._is_secure()
        )
        return response

    def _open_session(self, user: User, state: str) -> Session:
        """Opens the one session that a login is good for, whoever else has finished it."""
        try:
            return self.users.login(user.username, origin().user_agent or "", state)
        except AlreadyExists:
            raise _start_again() from None

    def _pending(self, answer: FinishLogin) -> PendingLogin:
        """Returns the login that this browser began, which is over now whatever comes of it."""
        pending = self.cookie.get(request, secure=self._is_secure())
        if pending is None or not _is_same(pending.state, answer.state):
            raise _start_again()
        after_this_request(self._drop_cookie)
        return pending

    def _drop_cookie(self, response: Response) -> Response:
        self.cookie.drop(response)
        return response

    def _callback(self) -> str:
        return f"{base_url(self.public_url)}/login/authorized"

    def _is_secure(self) -> bool:
        return base_url(self.public_url).startswith("https:")


def _is_same(state: str, given: str) -> bool:
    return hmac.compare_digest(state.encode(), given.encode())


def _start_again() -> Unauthenticated:
    return Unauthenticated.of(
        "state",
        "is not of a login that began in this browser in the last ten minutes, or is used; "
        "start again at /login",
    )


def _code(answer: FinishLogin) -> str:
    if answer.error == "access_denied":
        raise Unauthenticated("You told GitHub not to let you log in here.")
    if answer.error:
        logger.error("github_refuses_us", error=answer.error)
        raise Unavailable("GitHub does not let this application log anybody in now.")
    if not answer.code:
        raise InvalidArgument.of("code", "is required")
    return answer.code


def _is_browser() -> bool:
    accepts = request.accept_mimetypes
    return accepts["text/html"] > accepts["application/json"]


def _login_document(user: User, session: Session) -> dict[str, object]:
    return {
        "access_token": session.access_token,
        "token_type": "Bearer",
        "expires_at": session.expires_at,
        "username": user.username,
        "name": user.name,
        "email": user.email,
    }


def add_login(app: RestApp, login: Login, recorder: Recorder) -> None:
    """Adds the two halves of a login."""

    @app.get("/login")
    @public
    @reads(app, StartLogin, QUERY)
    @app.doc(
        tags=["Login"],
        operation_id="startLogin",
        responses=_ON_TO_GITHUB,
    )
    def start_login(wanted: StartLogin) -> Response:
        """Log in with GitHub.

        Follow the redirects, and keep the cookie on the way.
        """
        return login.begin(wanted)

    @app.get("/login/authorized")
    @public
    @reads(app, FinishLogin, QUERY)
    @app.output(LoginSchema, description="For a client that accepts JSON: the session.")
    @app.doc(
        tags=["Login"],
        operation_id="finishLogin",
        responses=_LOGGED_IN | problems(Unauthenticated, PermissionDenied, FailedPrecondition),
    )
    def finish_login(answer: FinishLogin) -> Response:
        """Finish a login.

        Where GitHub sends the browser back. Registers the user, or brings name and e-mail address
        up to date, and opens a session. Whose account is being deleted has to wait until that is
        done.
        """
        with recording_failures(recorder):
            return login.finish(answer)
