"""What is said of each request: its span, its log line and its measured time.

The three share one start and one end, and the same route, status and caller, so they are one
middleware: taking them apart would look each of these up three times a request.
"""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, Final

import structlog
from flask import Flask, Response, g, request
from opentelemetry.trace import Status, StatusCode
from prometheus_client import Histogram

from delinkcious import tracing
from delinkcious.metrics import SERVER_DURATION

access_log = structlog.get_logger("access")

_UNMATCHED: Final = "unmatched"
_ORDINARY_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SERVER_ERROR: Final = 500


class _Children(dict[tuple[str, str, int], Histogram]):
    """The histogram's children by label values; finding one anew costs as much as observing."""

    def __missing__(self, key: tuple[str, str, int]) -> Histogram:
        method, route, status = key
        child = self[key] = SERVER_DURATION.labels(method, route, str(status))
        return child


_durations: Final = _Children()


def install(app: Flask) -> None:
    """Observes every request; to be the first middleware, so that nothing escapes it."""
    app.before_request(_begin_with(tracing.propagated_headers()))
    app.after_request(_end)
    app.teardown_request(_leave)


def _begin_with(propagated: Sequence[str]) -> Callable[[], None]:
    keys = [(name, f"HTTP_{name.upper().replace('-', '_')}") for name in propagated]

    def begin() -> None:
        g.started = perf_counter()
        environ = request.environ
        context = tracing.extract({name: environ[key] for name, key in keys if key in environ})
        g.method = request.method if request.method in _ORDINARY_METHODS else "OTHER"
        g.route = request.url_rule.rule if request.url_rule else _UNMATCHED
        g.span = tracing.start_span(
            f"{g.method} {g.route}", kind=tracing.SpanKind.SERVER, context=context
        )
        g.trace_token = tracing.attach(g.span, context)

    return begin


def _end(response: Response) -> Response:
    duration = perf_counter() - g.started
    status = response.status_code
    _durations[g.method, g.route, status].observe(duration)
    access_log.info(
        "request",
        method=g.method,
        route=g.route,
        status=status,
        duration_ms=round(duration * 1000, 2),
        caller=g.get("caller", ""),
    )
    if g.span.is_recording():
        g.span.set_attributes(
            {
                "http.request.method": g.method,
                "http.route": g.route,
                "http.response.status_code": status,
            }
        )
        if status >= _SERVER_ERROR:
            g.span.set_status(Status(StatusCode.ERROR))
    return response


def _leave(_error: BaseException | None = None, **_: Any) -> None:
    if "trace_token" in g:
        tracing.detach(g.pop("trace_token"))
        g.span.end()
