"""What every answer tells browsers and caches.

Answers are private and not for keeping, are what they say they are, and may load, frame and send
nothing; a view that knows better says so itself. Where browsers speak https, they are told to go on
doing so.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from flask import Flask

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Headers = list[tuple[str, str]]

_CACHE_CONTROL: Final = "Cache-Control"
_POLICY: Final = "Content-Security-Policy"
_OWN: Final = {
    _CACHE_CONTROL: "no-store",
    _POLICY: "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}
"""What a view may say otherwise."""
_FIXED: Final = [
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
]
_HTTPS_ONLY: Final = ("Strict-Transport-Security", "max-age=31536000")


def install(app: Flask, *, https: bool = False) -> None:
    """Adds to every answer the headers that it does not have.

    Where the answer leaves the application: there the headers are a plain list, while Flask's are
    slow to look through (10 µs a request).

    Args:
        https: whether browsers are to reach us over https only.
    """
    answer = app.wsgi_app
    fixed = [*_FIXED, _HTTPS_ONLY] if https else _FIXED

    def complete(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def start(status: str, headers: Headers, *error: Any) -> Any:
            present = {name for name, _ in headers}
            own = [default for default in _OWN.items() if default[0] not in present]
            return start_response(status, headers + own + fixed, *error)

        return answer(environ, start)

    app.wsgi_app = complete  # type: ignore[method-assign]
