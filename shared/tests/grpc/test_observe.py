"""What is said of each call."""

import asyncio
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import Any

import grpc
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from structlog.testing import capture_logs

from delinkcious.errors import DelinkciousError, NotFound, Unavailable
from delinkcious.grpc.client import GrpcClient
from delinkcious.news.v1 import news_pb2, news_pb2_grpc
from delinkcious.testing.waiting import wait_until

from .conftest import Context, Peer, get_news

METHOD = "delinkcious.news.v1.News/GetNews"


def make_it_raise(peer: Peer, error: Exception) -> None:
    async def behaviour(_request: object, _context: Context) -> object:
        raise error

    peer.servicer.behaviour = behaviour


def request_log(client: GrpcClient) -> MutableMapping[str, Any]:
    """Calls, and returns what the server logged of it."""
    with capture_logs() as logs:
        with suppress(DelinkciousError):
            get_news(client)
        return wait_until(lambda: next((log for log in logs if log["event"] == "request"), None), 5)


def test_each_call_is_logged_in_one_line(client: GrpcClient) -> None:
    log = request_log(client)
    assert log.pop("duration_ms") > 0
    assert log == {
        "event": "request",
        "log_level": "info",
        "method": "GetNews",
        "route": f"/{METHOD}",
        "status": "OK",
        "caller": "api-gateway",
    }


@pytest.mark.parametrize(
    ("error", "status"),
    [(NotFound("No."), "NOT_FOUND"), (ValueError("a secret"), "INTERNAL")],
)
def test_the_status_is_that_of_the_error(
    error: Exception, status: str, client: GrpcClient, peer: Peer
) -> None:
    make_it_raise(peer, error)
    assert request_log(client)["status"] == status


def test_a_call_that_takes_too_long_is_told_from_one_that_was_given_up(peer: Peer) -> None:
    async def never(_request: object, _context: Context) -> object:
        return await asyncio.Event().wait()

    peer.servicer.behaviour = never
    client = peer.client(timeout=0.1)
    assert request_log(client)["status"] == "DEADLINE_EXCEEDED"
    client.close()


def test_an_unexpected_error_is_logged_with_its_cause(client: GrpcClient, peer: Peer) -> None:
    make_it_raise(peer, ValueError("a secret"))
    with capture_logs() as logs:
        with pytest.raises(DelinkciousError):
            get_news(client)
        wait_until(lambda: len(logs) > 2, 5)
    found = next(log for log in logs if log["event"] == "unexpected_error")
    assert (found["error"], found["exc_info"]) == ("ValueError", True)


def test_calls_are_counted_and_timed(
    client: GrpcClient, peer: Peer, counted: Callable[..., float]
) -> None:
    def seen(status: str) -> float:
        name = "grpc_server_request_duration_seconds_count"
        return counted(name, method=METHOD, status=status)

    get_news(client)
    make_it_raise(peer, Unavailable("Not now."))
    with pytest.raises(Unavailable):
        get_news(client)
    wait_until(lambda: (seen("OK"), seen("UNAVAILABLE")) == (1, 1), 5)


def test_each_call_is_a_span(client: GrpcClient, peer: Peer, spans: InMemorySpanExporter) -> None:
    make_it_raise(peer, Unavailable("Not now."))
    with pytest.raises(Unavailable):
        get_news(client)
    [span] = wait_until(spans.get_finished_spans, 5)
    assert (span.name, span.kind) == (METHOD, SpanKind.SERVER)
    assert span.attributes == {
        "rpc.system": "grpc",
        "rpc.service": "delinkcious.news.v1.News",
        "rpc.method": "GetNews",
        "rpc.grpc.status_code": grpc.StatusCode.UNAVAILABLE.value[0],
    }
    assert span.status.status_code is StatusCode.ERROR


def test_a_wrong_call_is_no_fault_of_the_server(
    client: GrpcClient, peer: Peer, spans: InMemorySpanExporter
) -> None:
    make_it_raise(peer, NotFound("No."))
    with pytest.raises(NotFound):
        get_news(client)
    [span] = wait_until(spans.get_finished_spans, 5)
    assert span.status.status_code is StatusCode.UNSET


def test_metadata_that_is_not_text_does_no_harm(client: GrpcClient) -> None:
    stub = news_pb2_grpc.NewsStub(client.channel)
    metadata = [
        ("delinkcious-caller-token", "token-of-api-gateway"),
        ("traceparent", "nonsense"),
        ("something-bin", b"\xff"),
    ]
    answer = stub.GetNews(news_pb2.GetNewsRequest(), metadata=metadata, timeout=5)
    assert answer.next_token == "answered"
