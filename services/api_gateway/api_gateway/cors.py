"""Which other sites' scripts may call, and with what: CORS (https://fetch.spec.whatwg.org/#cors).

None may unless they are named. Those call as any program does, with a token in a header: the
session cookie is never for them, so their answers do not allow credentials, and the header that
proves that a page is ours (`api_gateway.csrf`) is not among those that they may send.
"""

import re
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, Final

from flask import Flask

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Headers = list[tuple[str, str]]

_ORIGIN: Final = re.compile(r"https?://(\[[0-9a-f:]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?")
_VARY: Final = ("Vary", "Origin")  # caches keep what one origin got from the others
_READABLE: Final = (
    "Access-Control-Expose-Headers",
    "Content-Disposition, ETag, Location, RateLimit, RateLimit-Policy, Retry-After",
)
_PREFLIGHT: Final = [
    ("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, DELETE"),
    (
        "Access-Control-Allow-Headers",
        "Access-Token, Authorization, Content-Type, If-None-Match, Last-Event-ID",
    ),
    ("Access-Control-Max-Age", "600"),
]


def parse_origins(text: str) -> frozenset[str]:
    """Returns the origins that a comma-separated list names.

    Raises:
        ValueError: one is not an origin, as browsers write them.
    """
    origins = frozenset(part.strip() for part in text.split(",") if part.strip())
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin} is not an origin, such as https://links.example")
    return origins


def install(app: Flask, origins: Collection[str]) -> None:
    """Tells browsers which of these origins may read answers; without any, nothing is said."""
    if not origins:
        return
    answer = app.wsgi_app

    def shared(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        origin = environ.get("HTTP_ORIGIN", "")
        added = [_VARY]
        if origin in origins:
            added += [("Access-Control-Allow-Origin", origin), _READABLE]
            if _is_preflight(environ):
                added += _PREFLIGHT

        def start(status: str, headers: Headers, *error: Any) -> Any:
            return start_response(status, headers + added, *error)

        return answer(environ, start)

    app.wsgi_app = shared  # type: ignore[method-assign]


def _is_preflight(environ: "WSGIEnvironment") -> bool:
    return (
        environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
    )
