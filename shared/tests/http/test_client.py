"""Calls of one service by another, over a real socket."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Barrier, Thread
from time import monotonic
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from delinkcious import errors, tracing
from delinkcious.auth import CALLER_TOKEN_HEADER
from delinkcious.config import Address
from delinkcious.errors import (
    AlreadyExists,
    DelinkciousError,
    InvalidArgument,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from delinkcious.http.app import create_app
from delinkcious.http.client import HttpClient
from delinkcious.policy import Policy
from delinkcious.testing.scripted import Peer, answer, hang_up, scripted_peer
from delinkcious.testing.waiting import free_port, wait_until

Counted = Callable[..., float]
PEER = "test-peer"
PATIENT = Policy(breaker_failures=100)


@pytest.fixture
def peer() -> Iterator[Peer]:
    with scripted_peer() as peer:
        yield peer


@pytest.fixture
def client(peer: Peer) -> HttpClient:
    return HttpClient(PEER, peer.address, policy=PATIENT)


def problem(error: DelinkciousError) -> Any:
    """Returns a peer's answer that is this error."""
    status, document = errors.http_status(error), errors.to_problem(error, "abc")
    return answer(status, document, "application/problem+json")


# What is sent


def test_a_reply_has_its_status_and_body(peer: Peer, client: HttpClient) -> None:
    peer.always = answer(201, {"id": 7})
    reply = client.request("POST", "/things")
    assert (reply.status, reply.body, reply.json()) == (201, b'{"id":7}', {"id": 7})


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_every_method_goes_with_and_without_a_body(
    peer: Peer, client: HttpClient, method: str
) -> None:
    """In any order, on one handle: nothing is left over from the call before."""
    client.request(method, "/things", json={"a": "caf\xe9"})
    client.request(method, "/things")
    client.request("POST", "/things", json=[])
    client.get("/things")
    assert [(request.method, request.body) for request in peer.requests] == [
        (method, '{"a":"caf\xe9"}'.encode()),
        (method, b""),
        ("POST", b"[]"),
        ("GET", b""),
    ]
    assert peer.requests[0].headers["Content-Type"] == "application/json"
    assert "Content-Type" not in peer.requests[1].headers
    assert "Expect" not in peer.requests[0].headers


def test_a_query_is_encoded(peer: Peer, client: HttpClient) -> None:
    client.get("/things", {"a": "x&y=\xe9 ", "tag": ["one", "two"], "none": None, "n": 1})
    client.get("/things", {"none": None, "empty": []})
    assert [request.path for request in peer.requests] == [
        "/things?a=x%26y%3D%C3%A9+&tag=one&tag=two&n=1",
        "/things",
    ]


def test_the_context_and_who_calls_go_along(peer: Peer, spans: InMemorySpanExporter) -> None:
    assert spans is not None
    client = HttpClient(PEER, peer.address, token="s3cret")
    incoming = tracing.extract({"baggage": "tenant=blue", "x-branch": "feature"})
    with tracing.span("request", context=incoming):
        ids = tracing.current_ids()
        client.get("/things")
    sent = peer.requests[0].headers
    assert tuple(sent["traceparent"].split("-")[1:3]) == ids
    assert (sent["baggage"], sent["x-branch"]) == ("tenant=blue", "feature")
    assert sent[CALLER_TOKEN_HEADER] == "s3cret"


def test_what_else_is_to_be_told_is_asked_for_at_each_call(peer: Peer) -> None:
    told = iter(({"X-Told": "one"}, {"X-Told": "two"}, {}))
    client = HttpClient(PEER, peer.address, headers=lambda: next(told), policy=PATIENT)
    client.get("/")
    client.request("POST", "/", json={})
    client.get("/")
    assert [request.headers.get("X-Told") for request in peer.requests] == ["one", "two", None]


def test_without_a_token_no_token_is_sent(peer: Peer, client: HttpClient) -> None:
    client.get("/things")
    assert CALLER_TOKEN_HEADER not in peer.requests[0].headers


def test_a_proxy_of_the_environment_is_not_asked(
    peer: Peer, client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be told the callers' tokens."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    assert client.get("/things").status == 200
    client.check()


# Connections


def test_a_connection_is_kept_and_used_again(peer: Peer, client: HttpClient) -> None:
    client.get("/things")
    client.request("POST", "/things", json={})
    peer.then.append(answer(404))
    with pytest.raises(DelinkciousError):
        client.get("/things")
    client.get("/things")
    assert len({request.connection for request in peer.requests}) == 1


def test_each_thread_has_its_connection_and_none_waits_for_another(
    peer: Peer, client: HttpClient
) -> None:
    """Each call is answered only once all of them have arrived."""
    together = Barrier(4, timeout=5)

    def when_all_are_here(handler: Any) -> None:
        together.wait()
        answer()(handler)

    peer.always = when_all_are_here
    threads = [Thread(target=client.get, args=["/things"]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not together.broken
    assert len({request.connection for request in peer.requests}) == 4


def test_a_connection_that_the_peer_has_closed_costs_nobody_an_error(
    peer: Peer, client: HttpClient
) -> None:
    """As when the peer was restarted between two calls."""
    peer.then.append(answer(Connection="close"))
    for _ in range(2):
        client.request("POST", "/things")
    assert len({request.connection for request in peer.requests}) == 2


# Errors


def test_a_problem_of_the_peer_comes_back_as_the_error_it_is(
    peer: Peer, client: HttpClient
) -> None:
    for error in (InvalidArgument.of("url", "is required"), AlreadyExists("It is there.")):
        peer.then.append(problem(error))
        with pytest.raises(type(error)) as raised:
            client.request("POST", "/things")
        assert (raised.value.detail, raised.value.violations) == (error.detail, error.violations)


@pytest.mark.parametrize("kind", [Unauthenticated, PermissionDenied])
def test_a_peer_that_does_not_let_us_in_is_a_fault_of_ours(
    peer: Peer, client: HttpClient, kind: type[DelinkciousError]
) -> None:
    """Our caller has authenticated; to be told the contrary would mislead."""
    peer.always = problem(kind("no"))
    with capture_logs() as logs, pytest.raises(DelinkciousError) as raised:
        client.get("/things")
    assert type(raised.value) is DelinkciousError
    assert [(log["event"], log["peer"]) for log in logs] == [("peer_refused", PEER)]


@pytest.mark.parametrize(
    "behaviour",
    [
        answer(404, b"<h1>Not Found</h1>", "text/html"),
        answer(500, b"", "text/plain"),
        answer(400, b"{", "application/problem+json"),
        answer(400, b"[]", "application/problem+json"),
        answer(400, b"", "application/problem+json"),
        answer(302, Location="/elsewhere"),
        answer(304, b""),
    ],
)
def test_an_answer_that_is_neither_good_nor_a_problem_is_a_fault_of_ours(
    peer: Peer, client: HttpClient, behaviour: Any
) -> None:
    peer.always = behaviour
    with pytest.raises(DelinkciousError, match=f"{PEER} answered with status") as raised:
        client.get("/things")
    assert type(raised.value) is DelinkciousError


def test_a_redirect_is_not_followed(peer: Peer, client: HttpClient) -> None:
    peer.always = answer(302, Location=f"http://{peer.address}/elsewhere")
    with pytest.raises(DelinkciousError):
        client.get("/things")
    assert [request.path for request in peer.requests] == ["/things"]


def test_an_error_of_the_peer_is_an_answer_and_not_asked_for_again(
    peer: Peer, client: HttpClient
) -> None:
    peer.always = answer(500)
    with pytest.raises(DelinkciousError):
        client.get("/things")
    assert len(peer.requests) == 1


# Second attempts


@pytest.mark.parametrize("failure", [hang_up, answer(502), answer(503), answer(504)])
def test_reading_is_tried_again(peer: Peer, client: HttpClient, failure: Any) -> None:
    peer.then.extend([failure, failure])
    assert client.get("/things").status == 200
    assert len(peer.requests) == 3


def test_a_peer_that_keeps_failing_is_unavailable(peer: Peer, client: HttpClient) -> None:
    peer.always = hang_up
    with capture_logs() as logs, pytest.raises(Unavailable, match=PEER) as raised:
        client.get("/things")
    assert raised.value.retry_after
    assert len(peer.requests) == 3
    assert [log["event"] for log in logs].count("peer_unavailable") == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("failure", [hang_up, answer(503)])
@pytest.mark.parametrize("kept_alive", [True, False])
def test_what_may_have_been_done_is_not_done_again(
    peer: Peer, client: HttpClient, method: str, failure: Any, kept_alive: bool
) -> None:
    """Also not by libcurl, which would try again on its own after a connection it had kept."""
    if kept_alive:
        client.get("/before")
    peer.then.append(failure)
    with pytest.raises(Unavailable):
        client.request(method, "/things", json={} if method == "POST" else None)
    assert [request.path for request in peer.requests].count("/things") == 1


def test_a_call_that_its_client_knows_to_be_repeatable_is_repeated(
    peer: Peer, client: HttpClient
) -> None:
    client.get("/before")
    peer.then.extend([hang_up, answer(503)])
    assert client.request("PUT", "/things", retry=True).status == 200
    assert len(peer.requests) == 4


def test_reading_is_not_repeated_when_its_client_says_so(peer: Peer, client: HttpClient) -> None:
    peer.then.append(answer(503))
    with pytest.raises(Unavailable):
        client.request("GET", "/things", retry=False)
    assert len(peer.requests) == 1


def test_what_was_never_sent_is_tried_again_whatever_it_is(counted: Counted) -> None:
    client = HttpClient(PEER, Address("127.0.0.1", free_port()), policy=PATIENT)
    with pytest.raises(Unavailable):
        client.request("POST", "/things")
    assert attempts(counted, "POST", "0") == 3


def attempts(counted: Counted, method: str, status: str) -> float:
    """Returns how many attempts ended like this; 0 is one without an answer."""
    name = "http_client_request_duration_seconds_count"
    return counted(name, peer=PEER, method=method, status=status)


def test_every_attempt_is_measured(peer: Peer, client: HttpClient, counted: Counted) -> None:
    peer.then.extend([hang_up, answer(503)])
    client.get("/things")
    assert [attempts(counted, "GET", status) for status in ("0", "503", "200")] == [1, 1, 1]


# Time


@contextmanager
def deaf_address() -> Iterator[Address]:
    """Gives an address that connections to are neither accepted nor refused."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for other in (first, second):
            other.setblocking(False)
            other.connect_ex(listener.getsockname())
        yield Address(*listener.getsockname())


def test_a_peer_that_cannot_be_reached_in_time_is_unavailable(counted: Counted) -> None:
    """As behind a firewall, or with a host that is gone. Nothing was sent, so it is tried again."""
    policy = Policy(connect_timeout=0.1, attempts=2)
    with deaf_address() as address:
        client = HttpClient(PEER, address, policy=policy)
        started = monotonic()
        with pytest.raises(Unavailable):
            client.request("POST", "/things")
        assert monotonic() - started < 1
    assert attempts(counted, "POST", "0") == 2


def test_a_peer_that_does_not_answer_in_time_is_unavailable(peer: Peer) -> None:
    client = HttpClient(PEER, peer.address, policy=Policy(timeout=0.1))
    peer.always = peer.wait
    started = monotonic()
    with pytest.raises(Unavailable):
        client.request("POST", "/things")
    assert monotonic() - started < 1
    assert len(peer.requests) == 1


def test_after_a_call_that_took_too_long_the_next_is_not_given_its_answer(peer: Peer) -> None:
    client = HttpClient(PEER, peer.address, policy=Policy(timeout=0.2))
    peer.then.append(peer.wait)
    with pytest.raises(Unavailable):
        client.request("POST", "/late")
    peer.always = answer(200, "mine")
    assert client.get("/things").json() == "mine"


def test_an_answer_that_is_too_large_is_not_waited_for(peer: Peer, client: HttpClient) -> None:
    def boast(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(2**40))
        handler.end_headers()
        peer.wait(handler)

    peer.always = boast
    started = monotonic()
    with pytest.raises(Unavailable):
        client.request("POST", "/things")
    assert monotonic() - started < 1


# The breaker


def failing(peer: Peer, client: HttpClient, times: int) -> None:
    peer.then.extend([hang_up] * times)
    for _ in range(times):
        with pytest.raises(Unavailable):
            client.request("POST", "/things")


@pytest.fixture
def wary(peer: Peer) -> HttpClient:
    """A client that soon leaves its peer alone, and not for long."""
    return HttpClient(PEER, peer.address, policy=Policy(breaker_failures=3, breaker_seconds=0.2))


def test_a_peer_that_fails_again_and_again_is_left_alone(peer: Peer, wary: HttpClient) -> None:
    failing(peer, wary, 3)
    with pytest.raises(Unavailable, match="not asked again") as raised:
        wary.get("/things")
    assert raised.value.retry_after == 0.2
    assert len(peer.requests) == 3


def test_a_peer_that_answers_again_is_asked_again(peer: Peer, wary: HttpClient) -> None:
    failing(peer, wary, 3)

    def answers() -> bool:
        try:
            return wary.get("/things").status == 200
        except Unavailable:
            return False

    wait_until(answers, 5)
    for _ in range(5):
        assert wary.get("/things").status == 200


def test_errors_that_are_answers_do_not_count(peer: Peer, wary: HttpClient) -> None:
    peer.always = answer(500)
    for _ in range(5):
        with pytest.raises(DelinkciousError, match="status 500"):
            wary.get("/things")


def test_whoever_calls_us_meanwhile_is_told_when_to_try_again() -> None:
    client = HttpClient(PEER, Address("127.0.0.1", free_port()))
    app = create_app(__name__, title="Gateway", version="1", auth=None)
    app.add_url_rule("/", "get", lambda: client.get("/things").body)
    answers = [app.test_client().get("/") for _ in range(3)]
    assert [each.status_code for each in answers] == [503] * 3
    assert all(each.headers["Retry-After"] == "1" for each in answers)


# Readiness


def test_a_peer_that_accepts_connections_is_there(client: HttpClient) -> None:
    client.check()


def test_a_peer_that_refuses_connections_is_not() -> None:
    with pytest.raises(Unavailable):
        HttpClient(PEER, Address("127.0.0.1", free_port())).check()


def test_whether_a_peer_is_there_is_known_soon() -> None:
    started = monotonic()
    with deaf_address() as address, pytest.raises(Unavailable):
        HttpClient(PEER, address, policy=Policy(connect_timeout=0.1)).check()
    assert monotonic() - started < 1
