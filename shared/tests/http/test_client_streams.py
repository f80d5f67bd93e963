"""Bodies of any size between services, over a real socket."""

import socket
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from threading import Event
from time import monotonic
from typing import Any

import orjson
import pytest
from flask import Response, request
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from delinkcious import errors, tracing
from delinkcious.auth import CALLER_TOKEN_HEADER
from delinkcious.config import Address
from delinkcious.errors import (
    DelinkciousError,
    InvalidArgument,
    NotFound,
    PayloadTooLarge,
    Unauthenticated,
    Unavailable,
)
from delinkcious.http.app import create_app
from delinkcious.http.client import HttpClient
from delinkcious.policy import Policy
from delinkcious.testing.scripted import Peer, answer, hang_up, scripted_peer
from delinkcious.testing.serving import serving
from delinkcious.testing.waiting import free_port, wait_until

Counted = Callable[..., float]
PEER = "test-peer"
PATIENT = Policy(breaker_failures=100)
HASTY = Policy(breaker_failures=100, patience=0.2)
MIB = 1024 * 1024
BLOCK = bytes(range(256)) * 256


@pytest.fixture
def peer() -> Iterator[Peer]:
    with scripted_peer() as peer:
        yield peer


@pytest.fixture
def client(peer: Peer) -> HttpClient:
    return HttpClient(PEER, peer.address, policy=PATIENT)


@pytest.fixture
def real() -> Iterator[HttpClient]:
    """A client of a real application, which sends blocks and counts what it is sent."""
    app = create_app(__name__, title="Files", version="1", auth=None)

    @app.get("/blocks/<int:number>")
    def send(number: int) -> Response:
        return Response((BLOCK for _ in range(number)), headers={"X-Name": "blocks"})

    @app.post("/blocks")
    def take() -> dict[str, Any]:
        length, expected = 0, request.content_length
        while chunk := request.environ["wsgi.input"].read(
            MIB if expected is None else min(MIB, expected - length)
        ):
            length += len(chunk)
        return {"length": length, "declared": request.content_length, "type": request.mimetype}

    with serving(app) as address:
        yield HttpClient(PEER, address, policy=PATIENT)


def problem(error: DelinkciousError, **headers: str) -> Any:
    """Returns a peer's answer that is this error."""
    status, document = errors.http_status(error), errors.to_problem(error, "abc")
    return answer(status, document, "application/problem+json", **headers)


def in_chunks(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> Any:
    """Returns an answer in HTTP's chunks; without an end, it breaks off."""

    def behave(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for chunk in chunks:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        handler.wfile.write(end)
        handler.close_connection = True

    return behave


def then_nothing(peer: Peer, *chunks: bytes) -> Any:
    """Returns an answer that stops without ending."""

    def behave(handler: Any) -> None:
        in_chunks(*chunks, end=b"")(handler)
        peer.wait(handler)

    return behave


# Reading


def test_a_stream_has_its_status_and_headers_and_all_its_bytes(real: HttpClient) -> None:
    with closing(real.stream("/blocks/20")) as reply:
        assert (reply.status, reply.headers["x-name"]) == (200, "blocks")
        assert b"".join(reply) == BLOCK * 20


@pytest.mark.parametrize("behaviour", [answer(200, b""), in_chunks()])
def test_a_stream_may_be_empty(peer: Peer, client: HttpClient, behaviour: Any) -> None:
    peer.always = behaviour
    assert list(client.stream("/things")) == []


def test_reading_takes_no_more_memory_than_what_is_under_way(real: HttpClient) -> None:
    with closing(real.stream("/blocks/1600")) as reply:
        next(reply)
        tracemalloc.start()
        try:
            length = sum(map(len, reply))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert length > 90 * MIB
    assert peak < 12 * MIB


def test_a_reader_that_takes_its_time_does_not_time_the_peer_out(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only waiting for the peer counts, not what happens between one chunk and the next."""
    peer.always = in_chunks(b"one", b"two")
    reply = HttpClient(PEER, peer.address, policy=HASTY).stream("/things")
    assert next(reply) == b"one"
    later = monotonic() + 3600
    monkeypatch.setattr("delinkcious.http.transfer.monotonic", lambda: later)
    assert list(reply) == [b"two"]


def test_what_goes_along_with_a_stream_is_what_goes_along_with_any_call(
    peer: Peer, spans: InMemorySpanExporter
) -> None:
    assert spans is not None
    client = HttpClient(PEER, peer.address, token="s3cret")
    with tracing.span("request"):
        ids = tracing.current_ids()
        list(client.stream("/things", {"q": "a b", "none": None}))
        client.upload("POST", "/things", [b"x"], "text/plain", length=1)
    reading, sending = peer.requests
    assert reading.path == "/things?q=a+b"
    for sent in (reading.headers, sending.headers):
        assert tuple(sent["traceparent"].split("-")[1:3]) == ids
        assert sent[CALLER_TOKEN_HEADER] == "s3cret"
        assert "Expect" not in sent


@pytest.mark.parametrize("error", [NotFound("There is none."), InvalidArgument.of("q", "is odd")])
def test_an_error_comes_before_the_first_chunk(
    peer: Peer, client: HttpClient, error: DelinkciousError
) -> None:
    peer.always = problem(error)
    with pytest.raises(type(error)) as raised:
        client.stream("/things")
    assert (raised.value.detail, raised.value.violations) == (error.detail, error.violations)


def test_a_peer_that_does_not_let_us_in_is_a_fault_of_ours(peer: Peer, client: HttpClient) -> None:
    peer.always = problem(Unauthenticated("no"))
    for call in (
        lambda: client.stream("/things"),
        lambda: client.upload("POST", "/things", [b"x"], "text/plain", length=1),
    ):
        with pytest.raises(DelinkciousError) as raised:
            call()
        assert type(raised.value) is DelinkciousError


@pytest.mark.parametrize("failure", [hang_up, answer(503)])
def test_what_has_not_begun_is_tried_again(peer: Peer, client: HttpClient, failure: Any) -> None:
    peer.then.extend([failure, failure])
    assert b"".join(client.stream("/things")) == b"null"
    assert len(peer.requests) == 3


def test_a_peer_that_does_not_begin_is_unavailable(peer: Peer, client: HttpClient) -> None:
    peer.always = hang_up
    with capture_logs() as logs, pytest.raises(Unavailable, match=PEER) as raised:
        client.stream("/things")
    assert raised.value.retry_after
    assert [log["event"] for log in logs].count("peer_unavailable") == 1


def boast(handler: Any) -> None:
    """Promises more than it gives."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"some")
    handler.close_connection = True


@pytest.mark.parametrize(
    "behaviour", [boast, in_chunks(b"some", end=b"5\r\nmo"), in_chunks(b"some", end=b"")]
)
def test_a_peer_that_breaks_off_does_not_look_complete(
    peer: Peer, client: HttpClient, behaviour: Any
) -> None:
    peer.always = behaviour
    with pytest.raises(Unavailable):
        list(client.stream("/things"))


def test_what_has_begun_is_not_tried_again(peer: Peer, client: HttpClient) -> None:
    read = Event()

    def break_off(handler: Any) -> None:
        in_chunks(b"some", end=b"")(handler)
        read.wait(5)

    peer.always = break_off
    reply = client.stream("/things")
    assert next(reply) == b"some"
    read.set()
    with capture_logs() as logs, pytest.raises(Unavailable, match="broke off"):
        next(reply)
    assert [(log["event"], log["peer"]) for log in logs] == [("peer_broke_off", PEER)]
    assert len(peer.requests) == 1


def test_a_peer_that_does_nothing_is_not_waited_for(peer: Peer) -> None:
    client = HttpClient(PEER, peer.address, policy=HASTY)
    peer.always = then_nothing(peer, b"some")
    started = monotonic()
    reply = client.stream("/things")
    assert next(reply) == b"some"
    with pytest.raises(Unavailable, match="broke off"):
        next(reply)
    assert 0.2 <= monotonic() - started < 2


def test_a_peer_that_is_slow_but_does_something_is_waited_for(peer: Peer) -> None:
    """The whole takes longer than any silence in it may."""
    client = HttpClient(PEER, peer.address, policy=Policy(patience=0.2, timeout=0.1))

    def slowly(handler: Any) -> None:
        in_chunks(end=b"")(handler)
        for _ in range(10):
            peer.gone.wait(0.05)
            handler.wfile.write(b"1\r\nx\r\n")
        handler.wfile.write(b"0\r\n\r\n")

    peer.always = slowly
    assert b"".join(client.stream("/things")) == b"x" * 10


def test_whoever_stops_reading_closes_the_connection(peer: Peer, client: HttpClient) -> None:
    closed: list[bool] = []

    def notice(handler: Any) -> None:
        in_chunks(b"some", end=b"")(handler)
        closed.append(handler.connection.recv(1) == b"")

    peer.always = notice
    reply = client.stream("/things")
    next(reply)
    reply.close()
    reply.close()
    wait_until(lambda: closed == [True])


# Sending


@pytest.mark.parametrize("length", [None, 20 * len(BLOCK)])
def test_a_body_goes_as_it_comes_with_or_without_a_length(
    real: HttpClient, length: int | None
) -> None:
    chunks = (BLOCK[at : at + 1000] for _ in range(20) for at in range(0, len(BLOCK), 1000))
    reply = real.upload("POST", "/blocks", chunks, "text/html", length=length)
    assert reply.status == 200
    assert reply.json() == {"length": 20 * len(BLOCK), "declared": length, "type": "text/html"}


def test_a_body_may_be_empty_and_have_empty_chunks(real: HttpClient) -> None:
    for chunks in ([], [b"", b""], [b"", b"x", b"", b"y"]):
        reply = real.upload("POST", "/blocks", chunks, "text/plain")
        assert reply.json()["length"] == len(b"".join(chunks))


def test_sending_takes_no_more_memory_than_what_is_under_way(real: HttpClient) -> None:
    tracemalloc.start()
    try:
        reply = real.upload("POST", "/blocks", (BLOCK for _ in range(1600)), "text/plain")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert reply.json()["length"] == 1600 * len(BLOCK)
    assert peak < 12 * MIB


def test_a_body_is_sent_once(peer: Peer, client: HttpClient) -> None:
    peer.always = answer(503)
    with pytest.raises(Unavailable):
        client.upload("POST", "/things", [b"x"], "text/plain", length=1)
    assert len(peer.requests) == 1


def refusing(listener: socket.socket, given: list[bytes]) -> Iterator[bytes]:
    """Gives a body to send, of which the peer reads the beginning and refuses the rest."""
    document = orjson.dumps(errors.to_problem(PayloadTooLarge.of("body", "is too long"), "abc"))
    head = "HTTP/1.1 413 No\r\nContent-Type: application/problem+json\r\nConnection: close\r\n"
    yield BLOCK  # libcurl sends the first of it together with the headers
    connection, _ = listener.accept()
    with connection:
        connection.recv(100)
        connection.sendall(f"{head}Content-Length: {len(document)}\r\n\r\n".encode() + document)
        connection.shutdown(socket.SHUT_WR)
    for _ in range(1000):
        given.append(BLOCK)
        yield BLOCK


@pytest.mark.parametrize("length", [None, 1000 * len(BLOCK)])
def test_a_peer_that_refuses_before_all_was_sent_is_heard(length: int | None) -> None:
    """It answers and closes, so that sending more fails; its answer is what counts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = HttpClient(PEER, Address(*listener.getsockname()), policy=PATIENT)
        for _ in range(10):
            given: list[bytes] = []
            body = refusing(listener, given)
            with pytest.raises(PayloadTooLarge) as raised:
                client.upload("POST", "/things", body, "text/plain", length=length)
            assert [violation.field for violation in raised.value.violations] == ["body"]
            assert len(given) < 1000


def test_a_body_that_fails_to_come_breaks_the_request_off(peer: Peer) -> None:
    client = HttpClient(PEER, peer.address, policy=Policy(breaker_failures=1))

    def chunks() -> Iterator[bytes]:
        yield b"some"
        raise InvalidArgument.of("body", "broke off")

    def failing() -> Iterator[bytes]:
        raise InvalidArgument.of("body", "broke off")
        yield b""

    peer.then.extend([peer.wait, peer.wait])  # it does not answer before it has read all
    for body in (failing(), chunks()):
        with pytest.raises(InvalidArgument, match="broke off"):
            client.upload("POST", "/things", body, "text/plain")
    peer.then.clear()
    assert client.get("/things").status == 200  # it is no failure of the peer's


def test_a_peer_that_takes_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = HttpClient(PEER, Address(*listener.getsockname()), policy=HASTY)
        started = monotonic()
        with pytest.raises(Unavailable):
            client.upload("POST", "/things", (BLOCK for _ in range(1000)), "text/plain")
        assert monotonic() - started < 2


def test_a_body_that_takes_its_time_does_not_time_the_peer_out(
    real: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the client of a gateway is on a slow line: the peer does what it can."""
    clock = [monotonic()]
    monkeypatch.setattr("delinkcious.http.transfer.monotonic", lambda: clock[0])

    def chunks() -> Iterator[bytes]:
        for _ in range(3):
            clock[0] += 3600
            yield b"x"

    assert real.upload("POST", "/blocks", chunks(), "text/plain").json()["length"] == 3


# The breaker, and what is measured


def test_streams_and_other_calls_share_a_breaker(peer: Peer) -> None:
    client = HttpClient(PEER, peer.address, policy=Policy(attempts=1, breaker_failures=2))
    peer.always = hang_up
    with pytest.raises(Unavailable):
        client.stream("/things")
    with pytest.raises(Unavailable):
        client.get("/things")
    for call in (
        lambda: client.stream("/things"),
        lambda: client.upload("POST", "/things", [b"x"], "text/plain"),
    ):
        with pytest.raises(Unavailable, match="not asked again"):
            call()
    assert len(peer.requests) == 2


def test_a_peer_that_is_not_there_is_unavailable() -> None:
    client = HttpClient(PEER, Address("127.0.0.1", free_port()), policy=PATIENT)
    for call in (
        lambda: client.stream("/things"),
        lambda: client.upload("POST", "/things", [b"x"], "text/plain"),
    ):
        with pytest.raises(Unavailable, match="does not answer"):
            call()


def test_every_attempt_is_measured(peer: Peer, client: HttpClient, counted: Counted) -> None:
    peer.then.extend([hang_up, answer(200)])
    list(client.stream("/things"))
    client.upload("PUT", "/things", [b"x"], "text/plain", length=1)

    def attempts(method: str, status: str) -> float:
        name = "http_client_request_duration_seconds_count"
        return counted(name, peer=PEER, method=method, status=status)

    assert [attempts("GET", "0"), attempts("GET", "200"), attempts("PUT", "200")] == [1, 1, 1]
