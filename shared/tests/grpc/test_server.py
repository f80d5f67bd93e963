"""The server: its port, its limits, and how it stops."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import grpc
import pytest

from delinkcious.errors import DelinkciousError
from delinkcious.grpc.client import GrpcClient
from delinkcious.grpc.server import MAX_REQUEST_BYTES
from delinkcious.health import Health
from delinkcious.news.v1 import news_pb2, news_pb2_grpc
from delinkcious.testing.waiting import eventually

from .conftest import Context, Peer, Serve, get_news


def test_a_port_that_is_taken_is_one_clear_line(peer: Peer, serve: Serve) -> None:
    with (
        pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{peer.address.port}"),
        serve(port=peer.address.port),
    ):
        pytest.fail("two servers share a port")


def test_a_request_over_the_limit_is_refused(client: GrpcClient) -> None:
    request = news_pb2.GetNewsRequest(username="x" * MAX_REQUEST_BYTES)
    with pytest.raises(DelinkciousError, match="RESOURCE_EXHAUSTED"):
        client.call("GetNews", news_pb2_grpc.NewsStub(client.channel).GetNews, request)


def test_a_call_in_flight_ends_well_when_the_server_stops(serve: Serve) -> None:
    under_way = Event()
    health = Health()

    async def end_while_stopping(_request: object, _context: Context) -> object:
        under_way.set()
        await eventually(lambda: health.draining)
        return news_pb2.GetNewsResponse(next_token="in time")

    with ThreadPoolExecutor(1) as thread:
        with serve(health=health) as peer:
            peer.servicer.behaviour = end_while_stopping
            client = peer.client()
            answer = thread.submit(get_news, client)
            assert under_way.wait(5)
        assert answer.result(5).next_token == "in time"
    client.close()


def test_a_call_that_does_not_end_is_cut_after_the_grace_period(serve: Serve) -> None:
    under_way = Event()

    async def never(_request: object, _context: Context) -> object:
        under_way.set()
        return await asyncio.Event().wait()

    with ThreadPoolExecutor(1) as thread:
        with serve(grace_period=0.1) as peer:
            peer.servicer.behaviour = never
            client = peer.client(timeout=30)
            answer = thread.submit(get_news, client)
            assert under_way.wait(5)
        with pytest.raises(DelinkciousError):
            answer.result(5)
    client.close()


def test_a_stopped_server_accepts_nobody(serve: Serve) -> None:
    with serve() as peer:
        pass
    with (
        grpc.insecure_channel(str(peer.address)) as channel,
        pytest.raises(grpc.RpcError) as error,
    ):
        news_pb2_grpc.NewsStub(channel).GetNews(news_pb2.GetNewsRequest(), timeout=5)
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE
