"""What is said of each request: its span, its log line and its measured time.

The three share one start and one end, and the same route, status and caller, so they are one
middleware: taking them apart would look each of these up three times a request.

The end of a stream is when its last chunk was taken, or when it broke off.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import structlog
from flask import Request
from opentelemetry.trace import Status, StatusCode

from delinkcious import tracing
from delinkcious.errors import DelinkciousError
from delinkcious.http.rest_app import RestApp
from delinkcious.metrics import SERVER_DURATION, Children

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Headers = list[tuple[str, str]]

access_log = structlog.get_logger("access")
logger = structlog.get_logger()

_UNMATCHED: Final = "unmatched"
_ORDINARY_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SERVER_ERROR: Final = 500
_FAILED: Final = 500
_ROUTE: Final = "delinkcious.route"
_CALLER: Final = "delinkcious.caller"
_STREAM: Final = "delinkcious.stream"

_durations: Final = Children(SERVER_DURATION)


def install(app: RestApp) -> None:
    """Observes every request; to be the first middleware, so that nothing escapes it.

    Where the request enters the application, and not in Flask's hooks: each of those, and each look
    at Flask's request from it, costs as much as what is said here.
    """
    answer = app.wsgi_app
    keys = [
        (name, f"HTTP_{name.upper().replace('-', '_')}") for name in tracing.propagated_headers()
    ]

    def observed(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        started = perf_counter()
        context = tracing.extract({name: environ[key] for name, key in keys if key in environ})
        span = tracing.start_span("request", kind=tracing.SpanKind.SERVER, context=context)
        token = tracing.attach(span, context)
        status = _FAILED

        def start(line: str, headers: Headers, *error: Any) -> Any:
            nonlocal status
            status = int(line[:3])
            return start_response(line, headers, *error)

        def end(**more: str) -> None:
            _record(environ, status, perf_counter() - started, span, more)
            span.end()

        try:
            chunks = answer(environ, start)
        except BaseException:
            end()
            raise
        else:
            if is_stream(environ):
                return _Stream(chunks, end, partial(tracing.current, span, context))
            end()
            return chunks
        finally:
            tracing.detach(token)

    app.add_gate(_name_route)
    app.wsgi_app = observed  # type: ignore[method-assign]


def _name_route(request: Request) -> None:
    if rule := request.url_rule:
        request.environ[_ROUTE] = rule.rule


def name_caller(environ: "WSGIEnvironment", caller: str) -> None:
    """Says who makes a request, for its log line."""
    environ[_CALLER] = caller


def caller_of(environ: "WSGIEnvironment") -> str:
    """Returns who makes a request; empty until that is known."""
    caller: str = environ.get(_CALLER, "")
    return caller


def expect_stream(environ: "WSGIEnvironment") -> None:
    """Says that the answer to a request is sent while it is made."""
    environ[_STREAM] = True


def is_stream(environ: "WSGIEnvironment") -> bool:
    """Tells whether `expect_stream` has been said."""
    return _STREAM in environ


class _Stream(Iterator[bytes]):
    """The chunks of an answer, watched until they end.

    Its span is current only while it works: a server that forgets a stream leaves nothing behind
    in the thread that it served it with.
    """

    def __init__(
        self,
        chunks: Iterable[bytes],
        end: Callable[..., None],
        in_span: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._chunks = chunks
        self._iterator = iter(chunks)
        self._end: Callable[..., None] | None = end
        self._in_span = in_span

    def __next__(self) -> bytes:
        with self._in_span():
            try:
                return next(self._iterator)
            except StopIteration:
                self._ended("complete")
                raise
            except DelinkciousError as error:
                logger.warning("stream_broken", reason=error.detail)
                self._ended("broken")
                raise
            except Exception as error:
                logger.exception("unexpected_error", error=type(error).__name__)
                self._ended("broken")
                raise

    def close(self) -> None:
        """Is called by the server when it has taken all that it wants."""
        with self._in_span():
            try:
                if close := getattr(self._chunks, "close", None):
                    close()
            finally:
                self._ended("left")

    def _ended(self, how: str) -> None:
        end, self._end = self._end, None
        if end is not None:
            end(stream=how)


def _record(
    environ: "WSGIEnvironment",
    status: int,
    duration: float,
    span: tracing.Span,
    more: dict[str, str],
) -> None:
    route = environ.get(_ROUTE, _UNMATCHED)
    method = environ["REQUEST_METHOD"]
    method = method if method in _ORDINARY_METHODS else "OTHER"
    _durations[method, route, status].observe(duration)
    access_log.info(
        "request",
        method=method,
        route=route,
        status=status,
        duration_ms=round(duration * 1000, 2),
        caller=caller_of(environ),
        **more,
    )
    if span.is_recording():
        span.update_name(f"{method} {route}")
        span.set_attributes(
            {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
            }
        )
        if status >= _SERVER_ERROR or more.get("stream") == "broken":
            span.set_status(Status(StatusCode.ERROR))
