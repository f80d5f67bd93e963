"""Layers around calls: their order, and calls that stream."""

from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from delinkcious.grpc.client import GrpcClient
from delinkcious.testing.waiting import wait_until

from .conftest import Peer, counting, get_news


def test_a_stream_passes_message_by_message(client: GrpcClient) -> None:
    assert list(counting(client, 3)) == [b"0", b"1", b"2"]


def test_a_stream_is_observed_once_at_its_end(client: GrpcClient) -> None:
    with capture_logs() as logs:
        list(counting(client, 3))
        wait_until(lambda: logs, 5)
    assert [log["route"] for log in logs] == ["/test.Counter/Count"]


def test_an_error_in_a_stream_is_a_status(client: GrpcClient) -> None:
    with pytest.raises(grpc.RpcError) as error:
        list(counting(client, 0))
    assert error.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in (error.value.details() or "")


def test_a_stream_that_its_caller_leaves_ends(client: GrpcClient) -> None:
    with capture_logs() as logs:
        stream = counting(client, 1_000_000)
        next(stream)
        stream.cancel()
        wait_until(lambda: logs, 5)
    assert logs[0]["status"] == "CANCELLED"


def test_what_one_layer_refuses_the_layers_outside_it_still_see(peer: Peer) -> None:
    client = peer.client(caller="nobody")
    with capture_logs() as logs:
        with pytest.raises(Exception, match="UNAUTHENTICATED"):
            get_news(client)
        wait_until(lambda: [log for log in logs if log["event"] == "request"], 5)
    client.close()


def test_a_method_that_does_not_exist_is_unimplemented(client: GrpcClient) -> None:
    call: Any = client.channel.unary_unary("/delinkcious.news.v1.News/Nothing")
    with pytest.raises(grpc.RpcError) as error:
        call(b"", timeout=5)
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED
