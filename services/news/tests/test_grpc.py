"""The gRPC transport, through the real server and the client that the gateway uses."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status

from delinkcious.auth import CALLER_TOKEN_HEADER
from delinkcious.clients.news import NewsClient
from delinkcious.config import Address
from delinkcious.errors import (
    DelinkciousError,
    InvalidArgument,
    ResourceExhausted,
    Unavailable,
)
from delinkcious.grpc.client import GrpcClient
from delinkcious.news.v1 import news_pb2, news_pb2_grpc
from delinkcious.testing.peers import auth_for, token_of
from delinkcious.testing.serving_grpc import serving_grpc
from delinkcious.testing.waiting import free_port
from news_service.grpc import news_grpc_service
from news_service.manager import NewsManager
from news_service.memory import InMemoryNewsStore
from news_service.watch import Watchers

from .conftest import (
    FEED_SIZE,
    RETENTION,
    Graph,
    desk_of,
    event_id,
    news_of,
    rebuilder_of,
)

GATEWAY = "api-gateway"
EVENTS = [news_of(number) for number in range(1, 6)]


@pytest.fixture
def address(graph: Graph) -> Iterator[Address]:
    """The service, with five events in the feed of bob."""
    store = InMemoryNewsStore(FEED_SIZE, RETENTION)

    async def record_all() -> None:
        for news in EVENTS:
            await desk_of(store, graph).record(news)

    asyncio.run(record_all())
    watchers = Watchers(limit=2, heartbeat=0.5)
    service = news_grpc_service(
        NewsManager(store, rebuilder_of(store, graph), watchers), watchers.close
    )
    with serving_grpc(service, auth=auth_for(GATEWAY, "link-manager")) as address:
        yield address


@pytest.fixture
def grpc_client(address: Address) -> Iterator[GrpcClient]:
    client = GrpcClient("news-manager", address, token=token_of(GATEWAY))
    yield client
    client.close()


@pytest.fixture
def client(grpc_client: GrpcClient) -> NewsClient:
    return NewsClient(grpc_client)


@pytest.fixture
def stub(grpc_client: GrpcClient) -> Any:
    """The generated client, without ours."""
    return news_pb2_grpc.NewsStub(grpc_client.channel)


def metadata(caller: str = GATEWAY) -> list[tuple[str, str]]:
    return [(CALLER_TOKEN_HEADER.lower(), token_of(caller))]


def test_the_client_gets_what_the_manager_gives(client: NewsClient) -> None:
    page = client.get_news("bob")
    assert page.events == tuple(news.event for news in reversed(EVENTS))
    assert page.next_token is None


def test_the_client_walks_through_the_pages(client: NewsClient) -> None:
    first = client.get_news("bob", page_size=3)
    second = client.get_news("bob", first.next_token, 3)
    assert [event.id for event in first.events] == [event_id(5), event_id(4), event_id(3)]
    assert [event.id for event in second.events] == [event_id(2), event_id(1)]
    assert second.next_token is None


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"username": ""}, "username"),
        ({"username": "bob", "page_size": 0}, "page_size"),
        ({"username": "bob", "page_size": 10**12}, "page_size"),
        ({"username": "bob", "start_token": "nonsense"}, "start_token"),
        ({"username": "bob", "author": "x" * 65}, "author"),
    ],
)
def test_the_client_is_told_which_field_is_wrong(
    arguments: dict[str, Any], field: str, client: NewsClient
) -> None:
    with pytest.raises(InvalidArgument) as error:
        client.get_news(**arguments)
    assert [violation.field for violation in error.value.violations] == [field]


def test_any_other_client_is_told_too(stub: Any) -> None:
    request = news_pb2.GetNewsRequest(username="bob", page_size=0)
    with pytest.raises(grpc.RpcError) as error:
        stub.GetNews(request, metadata=metadata(), timeout=5)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    trailing = {entry.key: entry.value for entry in error.value.trailing_metadata()}
    details = Status.FromString(trailing["grpc-status-details-bin"]).details
    wrong = BadRequest()
    assert any(detail.Unpack(wrong) for detail in details)
    assert [violation.field for violation in wrong.field_violations] == ["page_size"]


def test_a_page_size_may_be_left_out(stub: Any) -> None:
    request = news_pb2.GetNewsRequest(username="bob")
    answer = stub.GetNews(request, metadata=metadata(), timeout=5)
    assert len(answer.events) == len(EVENTS)
    assert answer.next_token == ""


def test_only_the_gateway_may_ask(stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as error:
        stub.GetNews(
            news_pb2.GetNewsRequest(username="bob"), metadata=metadata("link-manager"), timeout=5
        )
    assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_a_wrong_token_is_our_mistake_not_our_callers(address: Address) -> None:
    client = GrpcClient("news-manager", address, token="wrong")
    with pytest.raises(DelinkciousError) as error:
        NewsClient(client).get_news("bob")
    assert type(error.value) is DelinkciousError
    client.close()


def test_the_client_gets_the_news_of_one_author(client: NewsClient) -> None:
    assert len(client.get_news("bob", author="alice").events) == len(EVENTS)
    assert client.get_news("bob", author="eve").events == ()


def test_the_client_watches(client: NewsClient) -> None:
    watch = client.watch_news("bob", after=event_id(3))
    events = iter(watch)
    assert [next(events) for _ in range(3)] == [None, EVENTS[3].event, EVENTS[4].event]
    assert next(events) is None
    watch.close()
    assert list(events) == []


def test_who_waits_for_news_is_let_go_when_the_watch_is_closed(client: NewsClient) -> None:
    watch = client.watch_news("bob")
    events = iter(watch)
    next(events)
    closing = threading.Timer(0.1, watch.close)
    closing.start()
    assert [event for event in events if event] == []


def test_there_are_only_so_many_watchers(client: NewsClient) -> None:
    watches = [iter(client.watch_news("bob")) for _ in range(2)]
    assert [next(watch) for watch in watches] == [None, None]
    with pytest.raises(ResourceExhausted):
        next(iter(client.watch_news("bob")))


def test_a_wrong_event_to_watch_from_is_named(client: NewsClient) -> None:
    with pytest.raises(InvalidArgument) as error:
        next(iter(client.watch_news("bob", after="nonsense")))
    assert [violation.field for violation in error.value.violations] == ["after"]


def test_nobody_answers_a_watch_of_a_service_that_is_away() -> None:
    grpc_client = GrpcClient("news-manager", Address("127.0.0.1", free_port()))
    with pytest.raises(Unavailable):
        next(iter(NewsClient(grpc_client).watch_news("bob")))
    grpc_client.close()


def test_only_the_gateway_may_watch(stub: Any) -> None:
    request = news_pb2.WatchNewsRequest(username="bob")
    with pytest.raises(grpc.RpcError) as error:
        next(iter(stub.WatchNews(request, metadata=metadata("link-manager"), timeout=5)))
    assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED
