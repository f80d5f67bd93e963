"""What every answer tells browsers and caches.

Answers are private and not for keeping, are what they say they are, and may load and frame nothing;
a view that knows better says so itself.
"""

from typing import Final

from flask import Flask, Response

_DEFAULTS: Final = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)


def install(app: Flask) -> None:
    """Adds to every answer the headers that it does not have."""

    def complete(response: Response) -> Response:
        # Looking a name up in the headers is slow where it is not found, which is the usual case.
        present = {name for name, _ in response.headers}
        response.headers.extend(header for header in _DEFAULTS if header[0] not in present)
        return response

    app.after_request(complete)
