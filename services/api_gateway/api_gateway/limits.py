"""How much may be asked of the gateway: by whom, of what, and in which time.

Every request counts for its address; one with a token counts for its user and for that token, too.
What is dear has a tighter limit besides (`DEAR`). Who is over a limit is told which, and when to
come again (429). How it is counted is the business of `limits_leases`.
"""

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import wraps
from hashlib import sha256
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, Final

import limits as library
from flask import Request, current_app, g, request
from limits import RateLimitItem
from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from api_gateway.client_address import site_in
from api_gateway.limits_leases import Lease, Leases, Spent
from delinkcious.errors import ResourceExhausted
from delinkcious.http.rest_app import RestApp
from delinkcious.live import LiveModel

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Headers = list[tuple[str, str]]
View = Callable[..., Any]

_FORM: Final = "^[1-9][0-9]{0,8}/(second|minute|hour|day)$"
_SPENT: Final = "delinkcious.limits"
_REFUSED: Final = "delinkcious.limits.refused"


class Kind(StrEnum):
    """What is limited; also the name of the policy in `RateLimit` headers."""

    ADDRESS = "address"
    USER = "user"
    TOKEN = "token"
    LOGIN = "login"
    IMPORTS = "imports"
    CHECKS = "checks"


DEAR: Final = {
    "start_login": Kind.LOGIN,
    "finish_login": Kind.LOGIN,
    "start_import": Kind.IMPORTS,
    "check_links": Kind.CHECKS,
}
"""Endpoints with a limit of their own; `change_links` counts as a check when it asks for one."""


def _parse(value: Any) -> Any:
    if isinstance(value, RateLimitItem):
        return value
    if not re.match(_FORM, text := str(value)):
        raise ValueError("must be a number and a time, such as 600/minute")
    return library.parse(text)


def _text(rate: RateLimitItem) -> str:
    return f"{rate.amount}/{rate.GRANULARITY.name}"


Rate = Annotated[
    RateLimitItem,
    BeforeValidator(_parse),
    PlainSerializer(_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _FORM}),
]
"""``600/minute``: a number, and ``second``, ``minute``, ``hour`` or ``day``."""


def rate(text: str) -> RateLimitItem:
    """Returns the rate that a text such as ``600/minute`` says.

    Raises:
        ValueError: it says none.
    """
    parsed: RateLimitItem = _parse(text)
    return parsed


class Limits(LiveModel):
    """The limits that hold, each under the name of its kind."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    address: Rate = Field(rate("3000/minute"), description="requests from one address")
    user: Rate = Field(rate("1200/minute"), description="requests of one user")
    token: Rate = Field(rate("600/minute"), description="requests with one token")
    login: Rate = Field(rate("30/minute"), description="steps of logins from one address")
    imports: Rate = Field(rate("20/hour"), description="imports that one user starts")
    checks: Rate = Field(rate("60/minute"), description="calls for checks by one user")


class Limiter:
    """Counts requests. Safe to share between threads.

    Args:
        limits: returns those that hold now.
    """

    def __init__(self, leases: Leases, limits: Callable[[], Limits] = Limits) -> None:
        self._leases = leases
        self._limits = limits

    def count(self, environ: "WSGIEnvironment", kind: Kind, whose: str) -> None:
        """Counts a request for somebody, and notes what is left for its answer.

        Raises:
            ResourceExhausted: nothing is.
        """
        self._spend(environ, kind, getattr(self._limits(), kind), whose)

    def count_user(self, environ: "WSGIEnvironment", username: str, token: str) -> None:
        """Counts a request for a user and for a token; as `count`."""
        limits = self._limits()
        self._spend(environ, Kind.USER, limits.user, username)
        self._spend(environ, Kind.TOKEN, limits.token, _digest(token))

    def _spend(
        self, environ: "WSGIEnvironment", kind: Kind, limit: RateLimitItem, whose: str
    ) -> None:
        try:
            lease = self._leases.spend(kind, limit, whose)
        except Spent as spent:
            environ[_SPENT].append(spent.lease)
            raise _refusal(kind, spent) from None
        if lease is not None:
            environ[_SPENT].append(lease)

    def count_address(self, environ: "WSGIEnvironment", kind: Kind = Kind.ADDRESS) -> None:
        """Counts a request for the address that it comes from; as `count`."""
        self.count(environ, kind, site_in(environ))


def count_check(username: str) -> None:
    """Counts the current request as one for checks."""
    limiter: Limiter | None = current_app.extensions.get(_SPENT)
    if limiter is not None:
        limiter.count(request.environ, Kind.CHECKS, username)


def install(app: RestApp, limiter: Limiter) -> None:
    """Limits addresses and what is dear, and tells in every answer what is left; to be called when
    all routes are there, and before authentication is installed: what guesses at tokens is limited
    by this alone. Authentication counts users and tokens, as it gets to know them.

    Where the request enters the application, and not in Flask's hooks: each look at Flask's request
    costs as much as counting does.

    Raises:
        RuntimeError: an endpoint that has a limit of its own does not exist.
    """
    if unknown := DEAR.keys() - app.view_functions.keys():
        raise RuntimeError(f"limited, but no endpoints: {', '.join(sorted(unknown))}")
    for endpoint, kind in DEAR.items():
        app.view_functions[endpoint] = _counted(app.view_functions[endpoint], kind, limiter)
    answer = app.wsgi_app

    def respond(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        spent: list[Lease] = []
        environ[_SPENT] = spent
        try:
            limiter.count_address(environ)
        except ResourceExhausted as error:
            environ[_REFUSED] = error

        def start(status: str, headers: Headers, *error: Any) -> Any:
            if spent:
                headers = [*headers, *_said_of(spent)]
            return start_response(status, headers, *error)

        return answer(environ, start)

    def refuse(request: Request) -> None:
        if error := request.environ.get(_REFUSED):
            raise error

    app.extensions[_SPENT] = limiter
    app.add_gate(refuse)
    app.wsgi_app = respond  # type: ignore[method-assign]


def _counted(view: View, kind: Kind, limiter: Limiter) -> View:
    """Returns a view that counts each request, for its user or for its address."""

    @wraps(view)
    def count_and_call(**path: Any) -> Any:
        if kind is Kind.LOGIN:
            limiter.count_address(request.environ, kind)
        else:
            limiter.count(request.environ, kind, g.identity.username)
        return view(**path)

    return count_and_call


def _digest(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def _said_of(leases: Iterable[Lease]) -> Headers:
    """Returns the headers of draft-ietf-httpapi-ratelimit-headers-10."""
    now = monotonic()
    return [
        ("RateLimit-Policy", ", ".join([lease.policy for lease in leases])),
        ("RateLimit", ", ".join([lease.state(now) for lease in leases])),
    ]


def _refusal(kind: Kind, spent: Spent) -> ResourceExhausted:
    seconds = max(1, ceil(spent.seconds))
    return ResourceExhausted(
        f"Too many requests: the limit `{kind}` is {_text(spent.lease.rate)}. "
        f"Try again in {seconds} s.",
        retry_after=seconds,
    )
