"""The client against the real server: errors, deadlines, retries, breaker, context."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import grpc
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from delinkcious import tracing
from delinkcious.config import Address
from delinkcious.errors import (
    AlreadyExists,
    DelinkciousError,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PayloadTooLarge,
    ResourceExhausted,
    Unavailable,
    Violation,
)
from delinkcious.grpc.client import GrpcClient
from delinkcious.news.v1 import news_pb2
from delinkcious.policy import Policy
from delinkcious.testing.waiting import free_port, wait_until

from .conftest import Behaviour, Context, Peer, Serve, get_news


def raising(error: Exception, times: int = 1_000) -> Behaviour:
    left = [times]

    async def behaviour(_request: object, _context: Context) -> object:
        if left[0]:
            left[0] -= 1
            raise error
        return news_pb2.GetNewsResponse(next_token="at last")

    return behaviour


async def never(_request: object, _context: Context) -> object:
    return await asyncio.Event().wait()


def test_it_returns_the_answer(client: GrpcClient, peer: Peer) -> None:
    assert get_news(client).next_token == "answered"
    assert peer.servicer.calls[0].username == "bob"


@pytest.mark.parametrize(
    "kind", [NotFound, AlreadyExists, FailedPrecondition, ResourceExhausted, PayloadTooLarge]
)
def test_an_error_of_the_service_comes_back_as_it_was(
    kind: type[DelinkciousError], client: GrpcClient, peer: Peer
) -> None:
    peer.servicer.behaviour = raising(kind("Because.", retry_after=1.5))
    with pytest.raises(kind, match=r"^Because\.$") as error:
        get_news(client)
    assert error.value.retry_after == 1.5


def test_wrong_fields_come_back_by_name(client: GrpcClient, peer: Peer) -> None:
    wrong = [Violation("page_size", "is too large"), Violation("start_token", "ist kein Zeichen ☹")]
    peer.servicer.behaviour = raising(InvalidArgument("two fields", violations=wrong))
    with pytest.raises(InvalidArgument) as error:
        get_news(client)
    assert error.value.violations == tuple(wrong)


def test_an_unexpected_failure_tells_nothing(client: GrpcClient, peer: Peer) -> None:
    peer.servicer.behaviour = raising(ValueError("a secret"))
    with pytest.raises(DelinkciousError) as error:
        get_news(client)
    assert type(error.value) is DelinkciousError
    assert "secret" not in str(error.value)


def test_what_the_peer_holds_against_us_is_not_our_callers_mistake(peer: Peer) -> None:
    client = peer.client(caller="nobody")
    with pytest.raises(DelinkciousError, match="UNAUTHENTICATED") as error:
        get_news(client)
    assert type(error.value) is DelinkciousError
    client.close()


def test_an_answer_that_does_not_come_in_time_is_unavailable_and_not_asked_for_again(
    peer: Peer,
) -> None:
    peer.servicer.behaviour = never
    client = peer.client(timeout=0.2)
    with pytest.raises(Unavailable, match="news-manager does not answer"):
        get_news(client, retry=True)
    assert len(peer.servicer.calls) == 1
    client.close()


def test_a_peer_that_is_not_there_is_unavailable() -> None:
    client = GrpcClient("news-manager", Address("127.0.0.1", free_port()))
    with pytest.raises(Unavailable, match="news-manager does not answer"):
        get_news(client, retry=True)
    with pytest.raises(Unavailable):
        client.check()
    client.close()


def test_a_peer_that_is_there_passes_the_check(client: GrpcClient) -> None:
    client.check()


def test_a_call_that_changes_nothing_is_tried_again(client: GrpcClient, peer: Peer) -> None:
    peer.servicer.behaviour = raising(Unavailable("Not now."), times=2)
    assert get_news(client, retry=True).next_token == "at last"
    assert len(peer.servicer.calls) == 3


def test_a_call_that_a_stopping_server_did_not_begin_with_is_made_again(
    client: GrpcClient, peer: Peer
) -> None:
    async def cancel_the_first(_request: object, context: Context) -> object:
        if len(peer.servicer.calls) == 1:
            await context.abort(grpc.StatusCode.CANCELLED)
        return news_pb2.GetNewsResponse(next_token="at last")

    peer.servicer.behaviour = cancel_the_first
    assert get_news(client, retry=True).next_token == "at last"


def test_it_gives_up_with_what_the_peer_said(client: GrpcClient, peer: Peer) -> None:
    peer.servicer.behaviour = raising(Unavailable("The feeds are away.", retry_after=2))
    with pytest.raises(Unavailable, match="The feeds are away") as error:
        get_news(client, retry=True)
    assert error.value.retry_after == 2
    assert len(peer.servicer.calls) == 3


def test_other_calls_are_not_tried_again(client: GrpcClient, peer: Peer) -> None:
    peer.servicer.behaviour = raising(Unavailable("Not now."), times=1)
    with pytest.raises(Unavailable):
        get_news(client)
    assert len(peer.servicer.calls) == 1


def test_a_peer_that_keeps_failing_is_left_alone_for_a_while(peer: Peer) -> None:
    peer.servicer.behaviour = raising(Unavailable("Not now."), times=2)
    client = peer.client(breaker_failures=2, breaker_seconds=0.2)
    for _ in range(2):
        with pytest.raises(Unavailable, match="Not now"):
            get_news(client)
    with pytest.raises(Unavailable, match="not asked again for a moment"):
        get_news(client)
    assert len(peer.servicer.calls) == 2
    wait_until(lambda: answers(client), 5)
    client.close()


def test_errors_that_are_answers_do_not_open_the_breaker(peer: Peer) -> None:
    peer.servicer.behaviour = raising(NotFound("No."))
    client = peer.client(breaker_failures=2)
    for _ in range(5):
        with pytest.raises(NotFound):
            get_news(client)
    client.close()


def test_it_finds_a_peer_again_that_was_restarted(serve: Serve) -> None:
    """The library would wait up to two minutes between two attempts to connect."""
    with serve() as peer:
        client = GrpcClient("news-manager", peer.address, token="token-of-api-gateway")
        assert answers(client)
    assert not answers(client)
    with serve(port=peer.address.port):
        wait_until(lambda: answers(client), 5)
    client.close()


def test_threads_share_a_client(client: GrpcClient, peer: Peer) -> None:
    """Each call ends only once all of them have arrived."""
    arrived = Event()

    async def wait_for_others(_request: object, _context: Context) -> object:
        if len(peer.servicer.calls) == 4:
            arrived.set()
        await asyncio.to_thread(arrived.wait, 5)
        return news_pb2.GetNewsResponse()

    peer.servicer.behaviour = wait_for_others
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: get_news(client), range(4)))
    assert arrived.is_set()


def test_a_large_page_passes(client: GrpcClient, peer: Peer) -> None:
    """A thousand of the longest URLs and titles is more than the library allows by default."""
    events = [news_pb2.NewsEvent(url="u" * 2048, title="t" * 4000) for _ in range(1000)]

    async def large(_request: object, _context: Context) -> object:
        return news_pb2.GetNewsResponse(events=events)

    peer.servicer.behaviour = large
    assert len(get_news(client).events) == 1000


def test_the_context_of_the_caller_reaches_the_service(
    client: GrpcClient, peer: Peer, spans: InMemorySpanExporter
) -> None:
    seen: dict[str, str] = {}

    async def look(_request: object, _context: Context) -> object:
        seen.update(tracing.inject())
        return news_pb2.GetNewsResponse()

    peer.servicer.behaviour = look
    with tracing.span("the caller") as span:
        get_news(client)
    wait_until(lambda: len(spans.get_finished_spans()) == 2, 5)
    served = spans.get_finished_spans()[0]
    assert served.name == "delinkcious.news.v1.News/GetNews"
    assert served.parent is not None
    assert served.parent.span_id == span.get_span_context().span_id
    assert f"{span.get_span_context().trace_id:032x}" in seen["traceparent"]


def test_calls_are_measured(client: GrpcClient, peer: Peer, counted: Callable[..., float]) -> None:
    peer.servicer.behaviour = raising(NotFound("No."), times=1)
    with pytest.raises(NotFound):
        get_news(client)
    get_news(client)
    name = "grpc_client_request_duration_seconds_count"
    for status in ("OK", "NOT_FOUND"):
        assert counted(name, peer="news-manager", method="GetNews", status=status) == 1


def test_the_policy_says_how_long_to_wait(peer: Peer) -> None:
    seen: list[float] = []

    async def look(_request: object, context: Context) -> object:
        seen.append(context.time_remaining())
        return news_pb2.GetNewsResponse()

    peer.servicer.behaviour = look
    client = peer.client(timeout=3)
    get_news(client)
    assert 0 < seen[0] < 4 < Policy().timeout
    client.close()


def answers(client: GrpcClient) -> bool:
    try:
        get_news(client)
    except Unavailable:
        return False
    return True
