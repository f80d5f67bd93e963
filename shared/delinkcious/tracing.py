"""Traces and what travels with a request: W3C trace context, baggage and routing headers.

Every request has a trace id, in its logs and in what it causes in other processes. Spans are
recorded only when somebody collects them: without an exporter the sampler is off, and a span costs
no more than its ids (OpenTelemetry's own rule for unsampled spans).
"""

import logging
import os
import re
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import getrandbits
from threading import Thread
from typing import Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, DEFAULT_ON, Sampler
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from delinkcious import redaction

__all__ = [
    "Context",
    "Span",
    "SpanKind",
    "attach",
    "configure",
    "current",
    "current_ids",
    "detach",
    "extract",
    "inject",
    "propagated_headers",
    "span",
    "start_span",
]

_TRACE_CONTEXT: Final = TraceContextTextMapPropagator()
_BAGGAGE: Final = W3CBaggagePropagator()
_SAY_WHAT_CLIENTS_SEND: Final = (
    "opentelemetry.baggage.propagation",
    "opentelemetry.trace.propagation.tracecontext",
    "opentelemetry.trace.span",
)
for _name in _SAY_WHAT_CLIENTS_SEND:
    # A line for each entry that makes no sense, in the client's words: anybody could fill our logs.
    logging.getLogger(_name).setLevel(logging.CRITICAL)
_LAST_SPANS: Final = 1.0
_TRACEPARENT: Final = re.compile("00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_ROUTING_KEY: Final = otel_context.create_key("delinkcious-routing-headers")


class _Ids(NonRecordingSpan):
    """A span that nobody records, of which only the ids count: in hexadecimal, as they are logged
    and sent. OpenTelemetry's numbers are made for those who ask.

    It has no trace state; spans with one are OpenTelemetry's own.
    """

    def __init__(self, trace_id: str, span_id: str, flags: str = "00", *, remote: bool) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self._flags = flags
        self._remote = remote

    def get_span_context(self) -> SpanContext:
        flags = TraceFlags(int(self._flags, 16))
        return SpanContext(int(self.trace_id, 16), int(self.span_id, 16), self._remote, flags)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.trace_id!r}, {self.span_id!r})"

    def traceparent(self) -> str:
        """Returns the header that carries the ids (W3C Trace Context, section 3.2)."""
        return f"00-{self.trace_id}-{self.span_id}-{self._flags}"


class _Tracing:
    """What `configure` sets once a process; unsampled until then."""

    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    tracer = provider.get_tracer("delinkcious")
    routing_headers: tuple[str, ...] = ()


def configure(
    service: str, *, routing_headers: Sequence[str] = (), exporter: SpanExporter | None = None
) -> None:
    """Sets up tracing for the process.

    Args:
        service: the service's name, OpenTelemetry's ``service.name``.
        routing_headers: names of headers passed on from request to request (feature branches).
        exporter: where spans go; by default OTLP, if ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set.
    """
    if exporter is None and os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        # Its import costs 20 MB, which only those who export should pay.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        exporter = OTLPSpanExporter()
    sampler: Sampler = DEFAULT_ON if exporter else ALWAYS_OFF
    provider = TracerProvider(
        resource=Resource.create({"service.name": service}), sampler=sampler, shutdown_on_exit=False
    )
    if exporter is not None:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    install(provider, routing_headers)


def install(provider: TracerProvider, routing_headers: Sequence[str] = ()) -> TracerProvider:
    """Makes a provider the process's own and returns the one before it, for tests to put back."""
    previous = _Tracing.provider
    _Tracing.provider = provider
    _Tracing.tracer = provider.get_tracer("delinkcious")
    _Tracing.routing_headers = tuple(name.lower() for name in routing_headers)
    return previous


def shutdown() -> None:
    """Sends what is still buffered, unless that takes too long: collectors may be gone."""
    sending = Thread(target=_Tracing.provider.shutdown, name="last-spans", daemon=True)
    sending.start()
    sending.join(_LAST_SPANS)


def propagated_headers() -> tuple[str, ...]:
    """Returns the names, in lower case, of the headers that `extract` looks at."""
    return ("traceparent", "tracestate", "baggage", *_Tracing.routing_headers)


def extract(headers: Mapping[str, str]) -> Context:
    """Returns the context that a caller sent along; header names are in lower case."""
    context = _extract_ids(headers)
    if "baggage" in headers:
        context = _BAGGAGE.extract(headers, context)
    routing = {
        name: headers[name]
        for name in _Tracing.routing_headers
        if name in headers and _can_be_sent(headers[name])
    }
    return otel_context.set_value(_ROUTING_KEY, routing, context) if routing else context


def _extract_ids(headers: Mapping[str, str]) -> Context:
    """Returns the context with the caller's span. What we send ourselves has one form, which is
    read here in a fifth of the time; OpenTelemetry reads every other one.
    """
    header = headers.get("traceparent")
    if header is None:
        return Context()
    usual = _TRACEPARENT.fullmatch(header)
    if usual is None or "tracestate" in headers:
        return _TRACE_CONTEXT.extract(headers)
    return trace.set_span_in_context(_Ids(*usual.groups(), remote=True), Context())


def _can_be_sent(value: str) -> bool:
    """Not every transport takes what HTTP servers let through."""
    return value.isascii() and value.isprintable()


def inject() -> dict[str, str]:
    """Returns the headers that carry the current context, with names in lower case."""
    headers: dict[str, str] = {}
    context = otel_context.get_current()
    span = trace.get_current_span(context)
    if isinstance(span, _Ids):
        headers["traceparent"] = span.traceparent()
    else:
        _TRACE_CONTEXT.inject(headers, context)
    _BAGGAGE.inject(headers, context)
    routing = otel_context.get_value(_ROUTING_KEY, context)
    if isinstance(routing, dict):
        headers.update(routing)
    return headers


def start_span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    context: Context | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Span:
    """Starts a span, child of ``context`` or else of the current one, without making it current."""
    if _Tracing.provider.sampler is ALWAYS_OFF:
        return _unrecorded(context)
    return _Tracing.tracer.start_span(name, context, kind, attributes)


def _unrecorded(context: Context | None) -> Span:
    """Returns what OpenTelemetry would make of a span that is not sampled, in a fifth of the time:
    nobody looks at its name or attributes, only at its ids.
    """
    span = trace.get_current_span(context)
    span_id = getrandbits(64) or 1  # neither id may be 0
    if isinstance(span, _Ids):
        return _Ids(span.trace_id, f"{span_id:016x}", remote=False)
    parent = span.get_span_context()
    if not parent.is_valid:
        return _Ids(f"{getrandbits(128) or 1:032x}", f"{span_id:016x}", remote=False)
    return NonRecordingSpan(
        SpanContext(parent.trace_id, span_id, is_remote=False, trace_state=parent.trace_state)
    )


def attach(span: Span, context: Context | None = None) -> object:
    """Makes a span current until `detach` is given what this returns."""
    return otel_context.attach(trace.set_span_in_context(span, context))


def detach(token: object) -> None:
    """Makes what was current before `attach` current again."""
    otel_context.detach(token)  # type: ignore[arg-type]


@contextmanager
def current(span: Span, context: Context | None = None) -> Iterator[None]:
    """Makes a span current for a block, which does not end it."""
    token = attach(span, context)
    try:
        yield
    finally:
        detach(token)


@contextmanager
def span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    context: Context | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Iterator[Span]:
    """Runs a block in a span, child of ``context`` or else of the current one."""
    started = start_span(name, kind=kind, context=context, attributes=attributes)
    try:
        with current(started, context):
            yield started
    except Exception as error:
        _record(started, error)
        started.set_status(Status(StatusCode.ERROR, type(error).__name__))
        raise
    finally:
        started.end()


def _record(span: Span, error: Exception) -> None:
    """Spans leave the process as log lines do, and hold no more secrets."""
    if span.is_recording():
        attributes = {
            "exception.message": redaction.clean(str(error)),
            "exception.stacktrace": redaction.clean("".join(traceback.format_exception(error))),
        }
        span.record_exception(error, attributes)


def current_ids() -> tuple[str, str] | None:
    """Returns the current trace id and span id in hexadecimal, or None outside a span."""
    span = trace.get_current_span()
    if isinstance(span, _Ids):
        return span.trace_id, span.span_id
    current = span.get_span_context()
    if not current.is_valid:
        return None
    return format(current.trace_id, "032x"), format(current.span_id, "016x")
