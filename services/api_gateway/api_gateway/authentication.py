"""Holds every request against the policy of its endpoint (`api_gateway.policy`), before anything of
it is read: who calls, what the token is good for, and what a browser may do with its cookie.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from flask import Flask, Request, Response, g

from api_gateway import csrf
from api_gateway.base_url import is_secure
from api_gateway.cookies import session_cookie
from api_gateway.policy import Policy, Who, policy_of
from api_gateway.sessions import Sessions
from delinkcious.errors import PermissionDenied, Unauthenticated
from delinkcious.http import observe, problems
from delinkcious.http.rest_app import RestApp

ACCESS_TOKEN_HEADER: Final = "Access-Token"

Count = Callable[[dict[str, Any], str, str], None]

_SAFE: Final = frozenset({"GET", "HEAD"})
_CHALLENGE: Final = 'Bearer realm="delinkcious"'


class InvalidToken(Unauthenticated):
    """A token was shown, and it is not good, or no longer."""


class InsufficientScope(PermissionDenied):
    """The token is good, but not for this."""

    def __init__(self, needed: Iterable[str]) -> None:
        self.needed = " ".join(sorted(needed))
        super().__init__(f"The token is limited to scopes, and this takes: {self.needed}")


def install(
    app: RestApp, sessions: Sessions, public_url: str = "", count: Count | None = None
) -> None:
    """Authenticates every request that matches a route; to be called when all routes are there.

    Args:
        public_url: how browsers reach us; empty, if we were not told.
        count: called with each request that shows a good token, its user and the token.

    Raises:
        RuntimeError: an endpoint does not declare who may call it.
    """
    policies = _policies(app)

    def authenticate(request: Request) -> None:
        rule, environ = request.url_rule, request.environ
        method = environ["REQUEST_METHOD"]
        if rule is None or method == "OPTIONS":
            return
        policy = policies[rule.endpoint]
        if policy.who is Who.ANYBODY:
            return
        token = _shown(environ)
        by_cookie = token is None
        if token is None:
            token = _kept(request, public_url) if policy.cookie else _nothing()
        try:
            identity = sessions.identify(token)
        except Unauthenticated as error:
            raise InvalidToken(error.detail) from None
        kept = g._get_current_object()
        kept.token, kept.identity = token, identity
        observe.name_caller(environ, identity.username)
        if count is not None:
            count(environ, identity.username, token)
        if by_cookie and method not in _SAFE:
            csrf.check(token, public_url)
        if identity.scopes is not None and policy.missing(identity):
            raise InsufficientScope(policy.scopes)

    app.add_gate(authenticate)
    app.register_error_handler(InvalidToken, _invalid_token)
    app.register_error_handler(InsufficientScope, _insufficient_scope)


def _policies(app: Flask) -> dict[str, Policy]:
    """Returns the policy of each endpoint, of which there must be one for all of them."""
    policies, without = {}, []
    for endpoint, view in app.view_functions.items():
        if policy := policy_of(view):
            policies[endpoint] = policy
        else:
            without.append(endpoint)
    if without:
        raise RuntimeError(f"without a policy: {', '.join(without)}")
    return policies


def _shown(environ: Mapping[str, str]) -> str | None:
    """Returns the token that a request shows outright, which counts more than its cookie."""
    if authorization := environ.get("HTTP_AUTHORIZATION"):
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated.of("Authorization", "must be Bearer and a token")
        return token.strip()
    return environ.get("HTTP_ACCESS_TOKEN") or None


def _kept(request: Request, public_url: str) -> str:
    """Returns the token in the session cookie."""
    return request.cookies.get(session_cookie(secure=is_secure(public_url))) or _nothing()


def _nothing() -> str:
    raise Unauthenticated.of("Authorization", "is required: Bearer and a token")


def _invalid_token(error: InvalidToken) -> Response:
    return _challenged(error, 'error="invalid_token"')


def _insufficient_scope(error: InsufficientScope) -> Response:
    return _challenged(error, f'error="insufficient_scope", scope="{error.needed}"')


def _challenged(error: InvalidToken | InsufficientScope, why: str) -> Response:
    """Returns the answer with the challenge that RFC 6750 (section 3.1) asks for."""
    response = problems.to_response(error)
    response.headers["WWW-Authenticate"] = f"{_CHALLENGE}, {why}"
    return response
