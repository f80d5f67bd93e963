"""Streams of news through the real process, with the real news service behind it."""
# ruff: noqa: F811 - fixtures of another module

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from time import monotonic

import pytest
import requests

from delinkcious.auth import MutualAuth
from delinkcious.object_model.links import PublicLink
from delinkcious.object_model.users import GitHubIdentity, UserManager
from delinkcious.testing.peers import token_of
from delinkcious.testing.process import ServiceProcess
from delinkcious.testing.serving_grpc import serving_grpc
from delinkcious.testing.waiting import wait_until
from news_service.grpc import news_grpc_service
from news_service.manager import NewsManager
from news_service.memory import InMemoryNewsStore
from news_service.rebuild import Rebuilder
from news_service.watch import Watchers

from .test_process import Neighbours, env, gateway, github, neighbours  # noqa: F401

NEWS = "news-manager"
STREAMS = 5
HEARTBEAT = 0.3


class Nothing:
    """A social graph and a link service that have nothing; see `news_service.ports.Sources`."""

    async def following(self, _username: str) -> Sequence[str]:
        return []

    async def latest(self, _authors: Sequence[str], _limit: int) -> Sequence[PublicLink]:
        return []

    async def readers(self) -> AsyncIterator[Sequence[str]]:
        yield []


@pytest.fixture
def _served(neighbours: Neighbours, env: dict[str, str]) -> Iterator[None]:
    """The user service and the news service; and a gateway with few threads."""
    env |= {"SERVER_THREADS": "2", "NEWS_STREAMS": str(STREAMS)}
    store = InMemoryNewsStore(100, timedelta(days=1))
    watchers = Watchers(100, HEARTBEAT)
    manager = NewsManager(store, Rebuilder(store, Nothing(), feed_size=100), watchers)
    service = news_grpc_service(manager, watchers.close)
    auth = MutualAuth({"api-gateway": [token_of(NEWS)]})
    with (
        neighbours.serving("user-manager"),
        serving_grpc(service, auth=auth, port=neighbours.ports[NEWS]),
    ):
        yield


pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("_served")]

Enter = Callable[[str], str]


@pytest.fixture
def token(users: UserManager) -> Enter:
    """Gives somebody an account and a session."""

    def enter(name: str) -> str:
        users.register(GitHubIdentity(sum(map(ord, name)), name, name, f"{name}@example.com"))
        return users.login(name).access_token

    return enter


def get(
    process: ServiceProcess, path: str, token: str, *, stream: bool = False
) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{process.url}{path}", headers=headers, stream=stream, timeout=10)


def watch(process: ServiceProcess, token: str, opened: ExitStack) -> requests.Response:
    """Opens a stream and reads that it has begun."""
    response = opened.enter_context(get(process, "/v1/news/stream", token, stream=True))
    if response.status_code == requests.codes.ok:
        assert next(response.iter_lines()) == b"retry: 2000"
    return response


def test_streams_keep_nobody_else_from_being_answered_and_end_when_it_is_told_to_stop(
    gateway: ServiceProcess,
    token: Enter,
) -> None:
    gateway.wait_ready()
    alice, bob = token("alice"), token("bob")
    with ExitStack() as opened:
        streams = [watch(gateway, alice, opened) for _ in range(4)]
        assert watch(gateway, alice, opened).status_code == 429
        streams.append(watch(gateway, bob, opened))
        assert watch(gateway, bob, opened).status_code == 503
        for _ in range(20):
            assert get(gateway, "/v1/news", bob).status_code == 200
        started = monotonic()
        assert gateway.terminate() == 0
        assert monotonic() - started < 10
        for stream in streams:
            assert {line for line in stream.iter_lines() if line} <= {b": alive"}


def test_a_stream_that_is_left_makes_room(
    gateway: ServiceProcess,
    token: Enter,
) -> None:
    gateway.wait_ready()
    alice = token("alice")
    with ExitStack() as opened:
        for _ in range(4):
            watch(gateway, alice, opened)
    with ExitStack() as opened:
        wait_until(lambda: watch(gateway, alice, opened).status_code == 200)


def test_a_stream_ends_when_its_session_does(
    gateway: ServiceProcess,
    token: Enter,
) -> None:
    gateway.wait_ready()
    alice = token("alice")
    with ExitStack() as opened:
        stream = watch(gateway, alice, opened)
        headers = {"Authorization": f"Bearer {alice}"}
        assert (
            requests.post(f"{gateway.url}/logout", headers=headers, timeout=10).status_code == 204
        )
        assert {line for line in stream.iter_lines() if line} <= {b": alive"}
