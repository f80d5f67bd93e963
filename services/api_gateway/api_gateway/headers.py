"""What every answer tells browsers and caches.

Answers are private and not for keeping, are what they say they are, and may load and frame nothing;
a view that knows better says so itself.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from flask import Flask

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Headers = list[tuple[str, str]]

_DEFAULTS: Final = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)


def install(app: Flask) -> None:
    """Adds to every answer the headers that it does not have.

    Where the answer leaves the application: there the headers are a plain list, while Flask's are
    slow to look through (10 µs a request).
    """
    answer = app.wsgi_app

    def complete(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def start(status: str, headers: Headers, *error: Any) -> Any:
            present = {name for name, _ in headers}
            added = [header for header in _DEFAULTS if header[0] not in present]
            return start_response(status, [*headers, *added], *error)

        return answer(environ, start)

    app.wsgi_app = complete  # type: ignore[method-assign]
