"""What is said of each request: its span, its log line and its measured time.

The three share one start and one end, and the same route, status and caller, so they are one
middleware: taking them apart would look each of these up three times a request.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


@dataclass(slots=True)
class _Observed:
    """What is known of a request from its start; kept together because `g` is slow to ask."""

    started: float
    method: str
    route: str
    span: tracing.Span
    token: object


def _begin_with(propagated: Sequence[str]) -> Callable[[], None]:
    keys = [(name, f"HTTP_{name.upper().replace('-', '_')}") for name in propagated]

    def begin() -> None:
        started = perf_counter()
        environ, rule = request.environ, request.url_rule
        context = tracing.extract({name: environ[key] for name, key in keys if key in environ})
        method = environ["REQUEST_METHOD"]
        method = method if method in _ORDINARY_METHODS else "OTHER"
        route = rule.rule if rule else _UNMATCHED
        span = tracing.start_span(
            f"{method} {route}", kind=tracing.SpanKind.SERVER, context=context
        )
        g.observed = _Observed(started, method, route, span, tracing.attach(span, context))

    return begin


def _end(response: Response) -> Response:
    observed: _Observed = g.observed
    duration = perf_counter() - observed.started
    method, route, status = observed.method, observed.route, response.status_code
    _durations[method, route, status].observe(duration)
    access_log.info(
        "request",
        method=method,
        route=route,
        status=status,
        duration_ms=round(duration * 1000, 2),
        caller=g.get("caller", ""),
    )
    if observed.span.is_recording():
        observed.span.set_attributes(
            {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
            }
        )
        if status >= _SERVER_ERROR:
            observed.span.set_status(Status(StatusCode.ERROR))
    return response


def _leave(_error: BaseException | None = None, **_: Any) -> None:
    observed: _Observed | None = g.pop("observed", None)
    if observed is not None:
        tracing.detach(observed.token)
        observed.span.end()
