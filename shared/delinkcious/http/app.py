"""Makes the Flask application of a REST service, with its middleware in its order.

1. observe: span, log line and metrics, around everything
2. callers: mutual authentication, before anything of the request is read
3. problems: every error into a problem document
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

import orjson
from flask import Response, request

from delinkcious.auth import MutualAuth
from delinkcious.callers import NOBODY, Callers
from delinkcious.http import callers, observe, openapi, paths, problems
from delinkcious.http.rest_app import RestApp

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = [
    "MAX_BODY_BYTES",
    "RestApp",
    "create_app",
    "json_response",
    "no_content",
    "stream_response",
]

MAX_BODY_BYTES: Final = 1024 * 1024

_DOCUMENT: Final = "/openapi.json"


def create_app(
    name: str,
    *,
    title: str,
    version: str,
    auth: MutualAuth | None,
    allowed: Callers = NOBODY,
    description: str = "",
) -> RestApp:
    """Returns an application without routes.

    Args:
        auth: who calls; None for the public gateway, which authenticates users itself.
        allowed: who may call what.
    """
    app = RestApp(
        name,
        title=title,
        version=version,
        docs_path=None,
        spec_path=_DOCUMENT if auth is None else None,  # it names what there is to attack
        json_errors=False,
        static_folder=None,  # or it has a route for files, with no policy
    )
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        DESCRIPTION=description,
        AUTO_200_RESPONSE=False,
        AUTO_404_RESPONSE=False,
        AUTO_AUTH_ERROR_RESPONSE=False,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        AUTO_SERVERS=False,  # the document is the same whatever host it was asked from
    )
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False
    paths.install(app)
    observe.install(app)
    if auth is not None:
        callers.install(app, auth, allowed)
        app.security_schemes = callers.SECURITY_SCHEMES
    problems.install(app)
    app.spec_processor(openapi.complete if auth is None else callers.describe)
    return app


def json_response(content: Any, status: int = 200, **headers: str) -> Response:
    """Returns a JSON response; ``bytes`` are taken to be JSON already."""
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    response = _Whole(body, status, "application/json")
    if headers:
        response.headers.update(headers)
    return response


class _Whole(Response):
    """A response whose body is there, as one piece, with a status that has a body, and headers that
    can be sent as they are.

    Nothing of it depends on the request then, save that HEAD gets no body; Werkzeug goes through
    the headers twice to find out, and wraps the body (10 µs).
    """

    def __init__(self, body: bytes, status: int, content_type: str) -> None:
        super().__init__(None, status, content_type=content_type)
        self.response = [body]
        self.headers.add("Content-Length", str(len(body)))

    def get_wsgi_response(
        self, environ: "WSGIEnvironment"
    ) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        body = () if environ["REQUEST_METHOD"] == "HEAD" else self.response
        return body, self.status, self.headers.to_wsgi_list()  # type: ignore[return-value]


class _Begun:
    """Chunks of which the first is there already."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._first = next(self._chunks, b"")

    def __iter__(self) -> Iterator[bytes]:
        yield self._first
        yield from self._chunks

    def close(self) -> None:
        if close := getattr(self._chunks, "close", None):
            close()


def stream_response(chunks: Iterable[bytes], content_type: str, **headers: str) -> Response:
    """Returns a response of any size, whose chunks are made while it is sent.

    What fails before the first chunk is answered as any error; what fails later aborts the
    response, so that its client sees that it is not complete. They are closed in any case, and may
    not use the request.
    """
    response = Response(_Begun(chunks), content_type=content_type)
    response.headers.update(headers)
    observe.expect_stream(request.environ)
    return response


def no_content() -> Response:
    """Returns the response that says done and nothing more."""
    response = Response(status=204)
    del response.headers["Content-Type"]  # there is no content to be of a type
    return response
