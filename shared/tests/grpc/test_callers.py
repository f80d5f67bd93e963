"""Who may call a gRPC method."""

from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from delinkcious.auth import MutualAuth, Refusal
from delinkcious.grpc.client import GrpcClient
from delinkcious.news.v1 import news_pb2, news_pb2_grpc
from delinkcious.testing.peers import auth_for
from delinkcious.testing.serving_grpc import serving_grpc
from delinkcious.testing.waiting import wait_until

from .conftest import STRANGER, Peer, Servicer, counting, get_news, services


def status_of(peer: Peer, *metadata: tuple[str, str]) -> grpc.StatusCode:
    with grpc.insecure_channel(str(peer.address)) as channel:
        try:
            news_pb2_grpc.NewsStub(channel).GetNews(
                news_pb2.GetNewsRequest(), metadata=metadata, timeout=5
            )
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


def test_a_declared_caller_gets_through(peer: Peer) -> None:
    token = ("delinkcious-caller-token", "token-of-api-gateway")
    assert status_of(peer, token) is grpc.StatusCode.OK


@pytest.mark.parametrize("token", ["", "wrong", "token-of-nobody"])
def test_a_token_that_nobody_has_is_refused(token: str, peer: Peer) -> None:
    assert status_of(peer, ("delinkcious-caller-token", token)) is grpc.StatusCode.UNAUTHENTICATED


def test_a_missing_token_is_refused(peer: Peer) -> None:
    assert status_of(peer) is grpc.StatusCode.UNAUTHENTICATED


def test_a_peer_that_is_not_declared_is_refused(peer: Peer) -> None:
    token = ("delinkcious-caller-token", f"token-of-{STRANGER}")
    assert status_of(peer, token) is grpc.StatusCode.PERMISSION_DENIED


def test_a_refused_call_does_not_reach_the_service(peer: Peer) -> None:
    status_of(peer)
    assert peer.servicer.calls == []


@pytest.mark.parametrize(
    ("caller", "status"),
    [
        (None, grpc.StatusCode.UNAUTHENTICATED),
        (STRANGER, grpc.StatusCode.PERMISSION_DENIED),
        ("api-gateway", grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
@pytest.mark.parametrize("method", ["GetNews", "WatchNews"])
def test_nothing_of_a_message_is_read_before_it_is_known_who_sends_it(
    method: str, caller: str | None, status: grpc.StatusCode, peer: Peer
) -> None:
    metadata = [("delinkcious-caller-token", f"token-of-{caller}")] if caller else []
    with grpc.insecure_channel(str(peer.address)) as channel:
        call = channel.unary_stream if method == "WatchNews" else channel.unary_unary
        send: Any = call(f"/delinkcious.news.v1.News/{method}")
        with pytest.raises(grpc.RpcError) as error:
            list(send(b"\xff no message", metadata=metadata, timeout=5))
    assert error.value.code() is status
    assert "DecodeError" not in (error.value.details() or "")
    assert peer.servicer.calls == []


def test_a_method_that_streams_is_protected_too(peer: Peer, client: GrpcClient) -> None:
    with pytest.raises(grpc.RpcError) as error:
        list(counting(client, 3, caller=STRANGER))
    assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert peer.servicer.calls == []


def test_the_log_tells_who_called(client: GrpcClient) -> None:
    with capture_logs() as logs:
        get_news(client)
        wait_until(lambda: logs, 5)
    assert logs[0]["caller"] == "api-gateway"


def test_without_mutual_authentication_anybody_may_call() -> None:
    servicer = Servicer()
    with serving_grpc(*services(servicer), auth=MutualAuth(None)) as address:
        client = GrpcClient("news-manager", address)
        assert get_news(client).next_token == "answered"
        client.close()


def test_whoever_wants_to_know_is_told_of_calls_that_are_refused() -> None:
    auth, told = auth_for(STRANGER, "api-gateway"), list[Refusal]()
    auth.on_refusal(told.append)
    with serving_grpc(*services(Servicer()), auth=auth) as address:
        peer = Peer(Servicer(), address)
        status_of(peer)
        status_of(peer, ("delinkcious-caller-token", f"token-of-{STRANGER}"))
        status_of(peer, ("delinkcious-caller-token", "token-of-api-gateway"))
    method = "delinkcious.news.v1.News/GetNews"
    assert told == [Refusal(method, None, "127.0.0.1"), Refusal(method, STRANGER, "127.0.0.1")]
