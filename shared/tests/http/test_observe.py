"""What is said of each request: a span, a log line, a measured time."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from flask import Response, g, request
from flask.testing import FlaskClient
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from structlog.typing import EventDict
from werkzeug.test import TestResponse

from delinkcious import tracing
from delinkcious.errors import Unavailable
from delinkcious.http.app import RestApp, create_app, json_response, stream_response
from delinkcious.testing.peers import auth_for, calling_as
from delinkcious.testing.spans import collected_spans

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Collects the spans of the test; to be asked for before the application is made."""
    with collected_spans(["x-branch"]) as spans:
        yield spans


@pytest.fixture
def app() -> RestApp:
    allowed = {"GET /notes": {"ann"}, "GET /notes/<name>": {"ann"}}
    app = create_app(__name__, title="Notes", version="1", auth=auth_for("ann"), allowed=allowed)

    @app.get("/notes/<name>")
    def get_note(name: str) -> Response:
        if name == "broken":
            raise ValueError("no")
        return json_response(tracing.inject())

    @app.get("/notes")
    def get_notes() -> Response:
        def chunks() -> Iterator[bytes]:
            yield orjson.dumps(tracing.inject())
            if error is not None:
                raise error

        error = ERRORS.get(request.args.get("kind", ""))
        return stream_response(chunks(), "application/json", **{"X-Kind": "notes"})

    return app


@pytest.fixture
def client(app: RestApp) -> FlaskClient:
    return app.test_client()


ERRORS = {"ours": Unavailable("The peer broke off."), "any": ValueError("no")}


def access_lines(logs: list[EventDict]) -> list[dict[str, Any]]:
    return [dict(log) for log in logs if log["event"] == "request"]


def ask(client: FlaskClient, path: str, method: str = "GET", **headers: str) -> dict[str, Any]:
    """Makes a request as a service that is known, and returns its log line."""
    with capture_logs() as logs:
        client.open(path, method=method, headers={**calling_as("ann"), **headers})
    (line,) = access_lines(logs)
    return line


def series() -> set[tuple[str, ...]]:
    """Returns the labels of the times measured so far."""
    names = ("method", "route", "status")
    return {
        tuple(sample.labels[name] for name in names)
        for family in REGISTRY.collect()
        if family.name == "http_server_request_duration_seconds"
        for sample in family.samples
    }


def test_a_request_has_its_line(client: FlaskClient) -> None:
    line = ask(client, "/notes/7")
    assert isinstance(line.pop("duration_ms"), float)
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "route": "/notes/<name>",
        "status": 200,
        "caller": "ann",
    }


@pytest.mark.parametrize(
    ("path", "method", "status", "route"),
    [
        ("/nope", "GET", 404, "unmatched"),
        ("/notes/7", "DELETE", 405, "unmatched"),
        ("/notes/broken", "GET", 500, "/notes/<name>"),
    ],
)
def test_a_request_that_fails_has_its_line_too(
    client: FlaskClient, path: str, method: str, status: int, route: str
) -> None:
    line = ask(client, path, method)
    assert (line["status"], line["route"]) == (status, route)


def test_a_caller_that_is_not_known_is_not_named(client: FlaskClient) -> None:
    with capture_logs() as logs:
        client.get("/notes/7")
    (line,) = access_lines(logs)
    assert (line["status"], line["caller"]) == (401, "")


def test_what_is_asked_for_stays_out_of_the_log(client: FlaskClient) -> None:
    """Paths and queries hold names of people, and worse."""
    with capture_logs() as logs:
        client.get("/notes/alice?token=s3cret", headers={"Cookie": "session=s3cret"})
        client.get("/nope/alice?token=s3cret")
    assert not any(word in str(logs) for word in ("alice", "s3cret"))


def test_the_time_is_measured_by_route_and_status(client: FlaskClient) -> None:
    ask(client, "/notes/7")
    assert ("GET", "/notes/<name>", "200") in series()


def test_strangers_cannot_make_new_series(client: FlaskClient) -> None:
    """Each combination of labels is memory for ever."""
    ask(client, "/nope")
    ask(client, "/nope", "BREW")
    ask(client, "/notes/7", "BREW")
    before = series()
    for number in range(5):
        ask(client, f"/nope/{number}")
        ask(client, f"/notes/{number}", f"BREW{number}")
    assert series() == before
    assert not any(method.startswith("BREW") for method, *_ in series())


def test_a_request_goes_on_with_the_trace_of_its_caller(
    spans: InMemorySpanExporter, client: FlaskClient
) -> None:
    ask(client, "/notes/7?q=s3cret", **TRACEPARENT)
    (span,) = spans.get_finished_spans()
    assert format(span.context.trace_id, "032x") == TRACE
    assert span.parent
    assert format(span.parent.span_id, "016x") == PARENT
    assert (span.name, span.kind) == ("GET /notes/<name>", tracing.SpanKind.SERVER)
    assert span.attributes == {
        "http.request.method": "GET",
        "http.route": "/notes/<name>",
        "http.response.status_code": 200,
    }


def test_the_name_of_a_span_does_not_come_from_strangers(
    spans: InMemorySpanExporter, client: FlaskClient
) -> None:
    ask(client, "/nope/alice", "BREW")
    (span,) = spans.get_finished_spans()
    assert span.name == "OTHER unmatched"


def test_a_request_that_fails_on_our_side_has_a_failed_span(
    spans: InMemorySpanExporter, client: FlaskClient
) -> None:
    ask(client, "/notes/broken")
    ask(client, "/nope")
    ours, theirs = spans.get_finished_spans()
    assert (ours.status.is_ok, theirs.status.is_ok) == (False, True)


def test_what_travels_with_a_request_reaches_the_next(
    spans: InMemorySpanExporter, client: FlaskClient
) -> None:
    headers = {"baggage": "tenant=blue", "X-Branch": "feature", **TRACEPARENT}
    sent = client.get("/notes/7", headers={**calling_as("ann"), **headers}).json
    assert sent
    assert (sent["baggage"], sent["x-branch"]) == ("tenant=blue", "feature")
    (span,) = spans.get_finished_spans()
    assert sent["traceparent"].split("-")[1:3] == [TRACE, format(span.context.span_id, "016x")]


def test_after_a_request_its_span_is_current_no_more(client: FlaskClient) -> None:
    for path in ("/notes/7", "/notes/broken", "/nope"):
        ask(client, path)
        assert tracing.current_ids() is None


def test_the_lines_that_a_request_causes_have_its_trace(app: RestApp) -> None:
    ids = []

    @app.before_request
    def remember() -> None:
        ids.append(tracing.current_ids())
        assert g.route

    app.test_client().get("/notes/7", headers={**calling_as("ann"), **TRACEPARENT})
    assert ids[0]
    assert ids[0][0] == TRACE


# Streams


def begin(client: FlaskClient, query: str = "") -> TestResponse:
    """Asks for a stream, of which the first chunk is there already."""
    return client.get(f"/notes{query}", headers=calling_as("ann"))


def test_a_stream_has_its_line_when_it_has_ended(client: FlaskClient) -> None:
    with capture_logs() as logs:
        answer = begin(client)
        assert access_lines(logs) == []
        assert answer.data
        answer.close()
    (line,) = access_lines(logs)
    assert (line["route"], line["status"], line["caller"]) == ("/notes", 200, "ann")
    assert line["stream"] == "complete"


def test_a_stream_takes_as_long_as_it_takes(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr("delinkcious.http.observe.perf_counter", lambda: clock[0])
    with capture_logs() as logs:
        answer = begin(client)
        clock[0] += 7
        answer.close()
    assert access_lines(logs)[0]["duration_ms"] == 7000


def test_a_stream_that_nobody_reads_to_its_end_says_so(client: FlaskClient) -> None:
    with capture_logs() as logs:
        begin(client).close()
    assert access_lines(logs)[0]["stream"] == "left"


@pytest.mark.parametrize(
    ("kind", "event", "level"),
    [("ours", "stream_broken", "warning"), ("any", "unexpected_error", "error")],
)
def test_a_stream_that_breaks_says_so_and_why(
    spans: InMemorySpanExporter, client: FlaskClient, kind: str, event: str, level: str
) -> None:
    with capture_logs() as logs:
        answer = begin(client, f"?kind={kind}")
        with pytest.raises((Unavailable, ValueError)):
            answer.get_data()
        answer.close()
    assert [(log["event"], log["log_level"]) for log in logs] == [
        (event, level),
        ("request", "info"),
    ]
    assert access_lines(logs)[0]["stream"] == "broken"
    (span,) = spans.get_finished_spans()
    assert (span.name, span.status.is_ok) == ("GET /notes", False)


def test_what_is_done_for_a_stream_is_in_its_span(
    spans: InMemorySpanExporter, client: FlaskClient
) -> None:
    answer = begin(client)
    sent = orjson.loads(answer.data)
    answer.close()
    (span,) = spans.get_finished_spans()
    assert sent["traceparent"].split("-")[2] == format(span.context.span_id, "016x")
    assert span.status.is_ok
    assert tracing.current_ids() is None


def test_a_stream_that_is_forgotten_leaves_nothing_in_its_thread(client: FlaskClient) -> None:
    answer = begin(client)
    assert tracing.current_ids() is None
    answer.close()
    assert tracing.current_ids() is None


def test_only_the_headers_of_a_stream_may_be_asked_for(client: FlaskClient) -> None:
    with capture_logs() as logs:
        answer = client.head("/notes", headers=calling_as("ann"))
        answer.close()
    assert (answer.status_code, answer.data, answer.headers["X-Kind"]) == (200, b"", "notes")
    assert access_lines(logs)[0]["stream"] == "complete"
