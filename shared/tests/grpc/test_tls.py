"""gRPC between services over mutual TLS."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from delinkcious.config import Address, TlsFiles
from delinkcious.errors import Unavailable
from delinkcious.grpc.client import GrpcClient
from delinkcious.news.v1 import news_pb2
from delinkcious.news.v1.news_pb2_grpc import NewsStub
from delinkcious.policy import Policy
from delinkcious.testing.certificates import Authority
from delinkcious.testing.peers import auth_for, token_of
from delinkcious.testing.serving_grpc import serving_grpc
from delinkcious.tls import Tls, tls

from .conftest import FRIEND, Servicer, services

PEER = "news-manager"
ONCE = Policy(connect_timeout=10, timeout=10, attempts=1, breaker_failures=1000)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def caller(authority: Authority) -> TlsFiles:
    return authority.issue(FRIEND)


@pytest.fixture
def serving(authority: Authority) -> Tls:
    return tls(authority.issue(PEER))


@pytest.fixture
def address(serving: Tls) -> Iterator[Address]:
    with serving_grpc(*services(Servicer()), auth=auth_for(FRIEND), tls=serving) as address:
        yield address


def calling(address: Address, files: TlsFiles | None, peer: str = PEER) -> GrpcClient:
    return GrpcClient(peer, address, token=token_of(FRIEND), policy=ONCE, tls=tls(files))


def ask(client: GrpcClient) -> Any:
    answer: Any = client.call("GetNews", client.stub(NewsStub).GetNews, news_pb2.GetNewsRequest())
    return answer.next_token


def test_services_that_have_certificates_of_their_ca_understand_each_other(
    address: Address, caller: TlsFiles
) -> None:
    assert ask(calling(address, caller)) == "answered"


def test_a_plain_caller_is_refused(address: Address) -> None:
    with pytest.raises(Unavailable):
        ask(calling(address, None))


def test_a_caller_without_a_certificate_is_refused(address: Address, authority: Authority) -> None:
    credentials = grpc.ssl_channel_credentials(authority.certificate.read_bytes())
    options = [("grpc.ssl_target_name_override", PEER)]
    with (
        grpc.secure_channel(str(address), credentials, options) as channel,
        pytest.raises(grpc.RpcError) as caught,
    ):
        NewsStub(channel).GetNews(news_pb2.GetNewsRequest(), timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_caller_with_a_certificate_of_another_ca_is_refused(
    address: Address, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "strange").mkdir()
    strange = Authority(tmp_path / "strange").issue(FRIEND)
    with pytest.raises(Unavailable):
        ask(calling(address, TlsFiles(authority.certificate, strange.cert, strange.key)))


def test_a_peer_of_another_ca_is_not_told_anything(address: Address, tmp_path: Path) -> None:
    (tmp_path / "strange").mkdir()
    with pytest.raises(Unavailable):
        ask(calling(address, Authority(tmp_path / "strange").issue(FRIEND)))


def test_a_member_that_pretends_to_be_another_is_found_out(
    address: Address, caller: TlsFiles
) -> None:
    with pytest.raises(Unavailable):
        ask(calling(address, caller, peer="link-manager"))


def test_certificates_of_a_new_ca_are_taken_over_at_both_ends_without_a_restart(
    address: Address, serving: Tls, authority: Authority, caller: TlsFiles, tmp_path: Path
) -> None:
    """First everybody trusts both, then everybody is renewed, then the old one is forgotten."""
    ours = tls(caller)
    client = GrpcClient(PEER, address, token=token_of(FRIEND), policy=ONCE, tls=ours)
    watch = client.stub(NewsStub).WatchNews
    stream = client.stream("WatchNews", watch, news_pb2.WatchNewsRequest(username="alice"))
    next(iter(stream))

    (tmp_path / "new").mkdir()
    new = Authority(tmp_path / "new")
    old = authority.certificate.read_bytes()
    stranger = new.issue(FRIEND)
    with pytest.raises(Unavailable):
        ask(calling(address, TlsFiles(authority.certificate, stranger.cert, stranger.key)))
    steps = (
        lambda: authority.certificate.write_bytes(old + new.certificate.read_bytes()),
        lambda: swap(tmp_path, new.issue(PEER)),
        lambda: swap(tmp_path, new.issue(FRIEND)),
        lambda: authority.certificate.write_bytes(new.certificate.read_bytes()),
    )
    for step in steps:
        step()
        for end in (serving, ours):
            end.look()  # type: ignore[union-attr]
            assert ask(client) == "answered"
    assert ask(calling(address, stranger)) == "answered"
    (tmp_path / "strange").mkdir()
    with pytest.raises(Unavailable):
        ask(calling(address, Authority(tmp_path / "strange").issue(FRIEND)))
    stream.close()


def swap(folder: Path, files: TlsFiles) -> None:
    """Puts a certificate and its key where the ones before are."""
    for path in (files.key, files.cert):
        assert path is not None
        (folder / path.name).write_bytes(path.read_bytes())
