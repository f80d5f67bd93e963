"""Who may call each endpoint: declared on the view, checked before its request is read.

A view is `public`, or `authenticated` and then gets the `Identity` of its caller as the first
argument. An application with a view that is neither does not start.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from functools import wraps
from typing import Any, Final, TypeVar

from flask import Flask, g, request

from api_gateway.sessions import Sessions
from delinkcious.errors import Unauthenticated
from delinkcious.http import observe

F = TypeVar("F", bound=Callable[..., Any])

SESSION_COOKIE: Final = "session"
ACCESS_TOKEN_HEADER: Final = "Access-Token"

_ATTRIBUTE: Final = "__access__"
_SAFE: Final = frozenset({"GET", "HEAD"})


class Access(Enum):
    """Who may call an endpoint."""

    PUBLIC = "anybody"
    USER = "whoever has a token; the session cookie will do for what changes nothing"
    USER_BY_COOKIE = "whoever has a token or the session cookie"


def public(view: F) -> F:
    """Declares that anybody may call a view."""
    setattr(view, _ATTRIBUTE, Access.PUBLIC)
    return view


def authenticated(view: Callable[..., Any]) -> Callable[..., Any]:
    """Declares that users may call a view, which gets the caller's `Identity` first."""

    @wraps(view)
    def call(**path: Any) -> Any:
        return view(g.identity, **path)

    if access_of(call) is None:
        setattr(call, _ATTRIBUTE, Access.USER)
    return call


def cookie_suffices(view: F) -> F:
    """Lets browsers call a view that changes something; to be put under `authenticated`.

    Other sites cannot make a browser send the cookie with a POST, for it is SameSite=Lax. All
    writes but a few are closed to cookies nevertheless (ADR-0017).
    """
    setattr(view, _ATTRIBUTE, Access.USER_BY_COOKIE)
    return view


def access_of(view: Callable[..., Any]) -> Access | None:
    """Returns what a view declares."""
    return getattr(view, _ATTRIBUTE, None)


def install(app: Flask, sessions: Sessions) -> None:
    """Authenticates every request that matches a route; to be called when all routes are there.

    Raises:
        RuntimeError: an endpoint does not declare who may call it.
    """
    rules = {endpoint: access_of(view) for endpoint, view in app.view_functions.items()}
    if undeclared := [endpoint for endpoint, access in rules.items() if access is None]:
        raise RuntimeError(f"neither public nor authenticated: {', '.join(undeclared)}")

    def authenticate() -> None:
        rule, environ = request.url_rule, request.environ
        method = environ["REQUEST_METHOD"]
        if rule is None or method == "OPTIONS":
            return
        access = rules[rule.endpoint]
        if access is not Access.PUBLIC:
            token = _token(by_cookie=access is Access.USER_BY_COOKIE or method in _SAFE)
            identity = sessions.identify(token)
            g.token, g.identity = token, identity
            observe.name_caller(environ, identity.username)

    app.before_request(authenticate)


def _token(*, by_cookie: bool) -> str:
    """Returns the token of the request: what it says outright counts more than its cookie."""
    environ: Mapping[str, str] = request.environ
    if authorization := environ.get("HTTP_AUTHORIZATION"):
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated.of("Authorization", "must be Bearer and a token")
        return token.strip()
    if given := environ.get("HTTP_ACCESS_TOKEN"):
        return given
    if by_cookie and (kept := request.cookies.get(SESSION_COOKIE)):
        return kept
    raise Unauthenticated.of("Authorization", "is required: Bearer and a token")
