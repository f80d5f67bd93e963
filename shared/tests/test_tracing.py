"""What travels with a request, and when spans are recorded."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from delinkcious import tracing

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
SAMPLED = f"00-{TRACE}-{PARENT}-01"


def passed_on(headers: dict[str, str]) -> dict[str, str]:
    """Returns what a request with these headers sends along to the next."""
    context = tracing.extract(headers)
    with tracing.span("request", context=context):
        return tracing.inject()


def test_outside_a_span_there_are_no_ids_and_nothing_to_send() -> None:
    assert tracing.current_ids() is None
    assert tracing.inject() == {}


def test_every_span_has_ids_even_when_nobody_collects_it() -> None:
    with tracing.span("work") as span:
        ids = tracing.current_ids()
        assert not span.is_recording()
    assert ids is not None
    assert re.fullmatch(r"[0-9a-f]{32} [0-9a-f]{16}", " ".join(ids))


def test_a_trace_goes_on_from_the_caller() -> None:
    sent = passed_on({"traceparent": SAMPLED, "tracestate": "vendor=1"})
    version, trace, parent, _ = sent["traceparent"].split("-")
    assert (version, trace) == ("00", TRACE)
    assert parent != PARENT
    assert sent["tracestate"] == "vendor=1"


@pytest.mark.parametrize("wrong", ["", "no", f"00-{'0' * 32}-{PARENT}-01", SAMPLED[:-4]])
def test_a_trace_that_makes_no_sense_is_begun_anew(wrong: str) -> None:
    trace = passed_on({"traceparent": wrong})["traceparent"].split("-")[1]
    assert trace not in {TRACE, "0" * 32}


def test_nobody_writes_our_logs_with_headers_that_make_no_sense(
    caplog: pytest.LogCaptureFixture,
) -> None:
    entries = ",".join(["no entry", "k\n=", "é=1", "=", "a=" + "b" * 5000] * 100)
    tracing.extract(
        {"traceparent": "0" * 600, "tracestate": "a=1,a=2,," + "B" * 600, "baggage": entries}
    )
    tracing.extract({"traceparent": f"00-{'1' * 32}-{'2' * 16}-01", "tracestate": "a=1,a=2,b"})
    assert caplog.records == []


@given(
    version=st.sampled_from(["00", "01", "ff", "0"]),
    trace_id=st.sampled_from([TRACE, "0" * 32, TRACE.upper(), TRACE[1:], "f" * 32]),
    span_id=st.sampled_from([PARENT, "0" * 16, PARENT[1:]]),
    flags=st.sampled_from(["00", "01", "ff", "1", "02-more", "01\n", "01 "]),
    state=st.sampled_from([None, "vendor=1", "wrong", ""]),
)
def test_ids_are_read_and_sent_as_opentelemetry_does(
    version: str, trace_id: str, span_id: str, flags: str, state: str | None
) -> None:
    """Those in the usual form are read and written by ourselves."""
    headers = {"traceparent": f"{version}-{trace_id}-{span_id}-{flags}"}
    headers |= {} if state is None else {"tracestate": state}
    theirs = TraceContextTextMapPropagator()
    ours, expected = tracing.extract(headers), theirs.extract(headers)
    assert ids_in(ours) == ids_in(expected)
    sent: dict[str, str] = {}
    theirs.inject(sent, expected)
    token = otel_context.attach(ours)
    try:
        assert tracing.inject() == sent
    finally:
        otel_context.detach(token)


def ids_in(context: tracing.Context) -> trace.SpanContext:
    """Returns the ids of the span of a context, its flags and its state."""
    return trace.get_current_span(context).get_span_context()


def test_baggage_goes_along() -> None:
    sent = passed_on({"baggage": "tenant=blue,build=a%20b"})
    assert sorted(sent["baggage"].split(",")) == ["build=a+b", "tenant=blue"]
    context = tracing.extract({"baggage": sent["baggage"]})
    assert baggage.get_all(context) == {"tenant": "blue", "build": "a b"}


@pytest.mark.usefixtures("spans")
def test_only_the_named_headers_go_along() -> None:
    sent = passed_on({"x-branch": "feature", "x-other": "no"})
    assert sent["x-branch"] == "feature"
    assert set(sent) == {"traceparent", "x-branch"}


@pytest.mark.usefixtures("spans")
def test_a_header_that_could_not_be_sent_on_is_left_out() -> None:
    """Other transports take only visible ASCII, and one strange header must not fail the call."""
    assert "x-branch" not in passed_on({"x-branch": "caf\xe9"})
    assert "x-branch" not in passed_on({"x-branch": "two\r\nlines: 1"})


def test_what_is_not_known_of_the_caller_does_not_come_from_elsewhere() -> None:
    """A request without headers does not go on with the trace of who happens to serve it."""
    with tracing.span("outer"):
        outer = tracing.current_ids()
        with tracing.span("request", context=tracing.extract({})):
            inner = tracing.current_ids()
    assert outer
    assert inner
    assert inner[0] != outer[0]


def test_spans_are_collected_with_their_parents(spans: InMemorySpanExporter) -> None:
    with tracing.span("outer", kind=tracing.SpanKind.SERVER), tracing.span("inner"):
        pass
    inner, outer = spans.get_finished_spans()
    assert (inner.name, outer.name, outer.kind) == ("inner", "outer", tracing.SpanKind.SERVER)
    assert inner.parent
    assert inner.parent.span_id == outer.context.span_id


def test_a_span_whose_block_fails_says_so(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError), tracing.span("work"):
        raise ValueError("no")
    (span,) = spans.get_finished_spans()
    assert (span.status.status_code.name, span.status.description) == ("ERROR", "ValueError")
    assert [event.name for event in span.events] == ["exception"]


def test_after_a_span_the_one_before_it_is_current_again() -> None:
    with tracing.span("outer"):
        before = tracing.current_ids()
        with pytest.raises(ValueError), tracing.span("inner"):
            raise ValueError("no")
        assert tracing.current_ids() == before
    assert tracing.current_ids() is None


def test_nobody_collects_spans_unless_an_address_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    tracing.configure("probe")
    with tracing.span("work") as span:
        assert not span.is_recording()


def test_what_was_collected_is_sent_before_the_process_ends() -> None:
    exporter = InMemorySpanExporter()
    tracing.configure("probe", exporter=exporter)
    with tracing.span("work"):
        pass
    tracing.shutdown()
    (span,) = exporter.get_finished_spans()
    assert span.resource.attributes["service.name"] == "probe"


def test_a_caller_decides_whether_its_trace_is_collected() -> None:
    """A request that is part of a trace that nobody keeps is not kept in pieces."""
    tracing.configure("probe", exporter=InMemorySpanExporter())
    context = tracing.extract({"traceparent": f"00-{TRACE}-{PARENT}-00"})
    with tracing.span("request", context=context) as span:
        assert not span.is_recording()


def test_what_a_span_says_of_an_error_holds_no_secret(spans: InMemorySpanExporter) -> None:
    """Spans leave the process as log lines do."""
    token = f"dls_{'a1' * 21}b"
    with pytest.raises(ValueError), tracing.span("work"):
        raise ValueError(f"nobody has {token}")
    (event,) = spans.get_finished_spans()[0].events
    assert "ValueError" in str(event.attributes)
    assert token not in str(event.attributes)
