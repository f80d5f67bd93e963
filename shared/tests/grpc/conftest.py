"""A small service behind the real server: it answers, raises or waits as a test wants."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
import pytest

from delinkcious.config import Address
from delinkcious.errors import InvalidArgument
from delinkcious.grpc.client import GrpcClient, GrpcStream
from delinkcious.grpc.server import GrpcService
from delinkcious.news.v1 import news_pb2, news_pb2_grpc
from delinkcious.policy import Policy
from delinkcious.testing.peers import auth_for, token_of
from delinkcious.testing.serving_grpc import serving_grpc

FRIEND = "api-gateway"
STRANGER = "link-manager"

Context = grpc.aio.ServicerContext[Any, Any]
Behaviour = Callable[[Any, Context], Awaitable[Any]]


async def _answer(_request: Any, _context: Context) -> Any:
    return news_pb2.GetNewsResponse(next_token="answered")


@dataclass
class Servicer:
    """The service under the layers; ``calls`` has every request that reached it."""

    behaviour: Behaviour = _answer
    calls: list[Any] = field(default_factory=list)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def GetNews(self, request: Any, context: Context) -> Any:
        self.calls.append(request)
        return await self.behaviour(request, context)

    async def WatchNews(self, request: Any, _context: Context) -> AsyncIterator[Any]:
        """Ends when the service is stopped; fails if nobody's news is wanted."""
        self.calls.append(request)
        if not request.username:
            raise InvalidArgument.of("username", "is missing")
        yield news_pb2.WatchNewsResponse()
        await self.stopped.wait()

    async def count(self, request: bytes, _context: Context) -> AsyncIterator[bytes]:
        self.calls.append(request)
        for number in range(int(request)):
            yield str(number).encode()
        if request == b"0":
            raise ValueError("a secret")


@dataclass
class Peer:
    """The service, and where it is."""

    servicer: Servicer
    address: Address

    def client(self, caller: str = FRIEND, **policy: Any) -> GrpcClient:
        return GrpcClient(
            "news-manager", self.address, token=token_of(caller), policy=Policy(**policy)
        )


def services(servicer: Servicer) -> list[GrpcService]:
    """The news service, and one that streams."""

    def register_counter(server: grpc.aio.Server) -> None:
        handlers: dict[str, Any] = {"Count": grpc.unary_stream_rpc_method_handler(servicer.count)}
        server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("test.Counter", handlers)]
        )

    return [
        GrpcService(
            "delinkcious.news.v1.News",
            lambda server: news_pb2_grpc.add_NewsServicer_to_server(servicer, server),
            {"GetNews": {FRIEND}, "WatchNews": {FRIEND}},
            servicer.stopped.set,
        ),
        GrpcService("test.Counter", register_counter, {"Count": {FRIEND}}),
    ]


Serve = Callable[..., AbstractContextManager[Peer]]


@pytest.fixture
def serve() -> Serve:
    """Serves the service as long as the context lasts, on any port or on a given one."""

    @contextmanager
    def served(**options: Any) -> Iterator[Peer]:
        servicer = Servicer()
        auth = auth_for(FRIEND, STRANGER)
        with serving_grpc(*services(servicer), auth=auth, **options) as address:
            yield Peer(servicer, address)

    return served


@pytest.fixture
def peer(serve: Serve) -> Iterator[Peer]:
    """The service, served on a free port."""
    with serve() as peer:
        yield peer


@pytest.fixture
def client(peer: Peer) -> Iterator[GrpcClient]:
    """A client that the service knows."""
    client = peer.client()
    yield client
    client.close()


def get_news(client: GrpcClient, *, retry: bool = False) -> Any:
    """Calls the service."""
    stub = news_pb2_grpc.NewsStub(client.channel)
    return client.call(
        "GetNews", stub.GetNews, news_pb2.GetNewsRequest(username="bob"), retry=retry
    )


def counting(client: GrpcClient, number: int, caller: str = FRIEND) -> Any:
    """Calls the method that streams."""
    count: Any = client.channel.unary_stream("/test.Counter/Count")
    metadata = [("delinkcious-caller-token", token_of(caller))]
    return count(str(number).encode(), metadata=metadata, timeout=5)


def watch_news(client: GrpcClient, username: str = "bob") -> GrpcStream[Any]:
    """Calls the service, which answers once, and then when it is stopped."""
    stub = news_pb2_grpc.NewsStub(client.channel)
    return client.stream("WatchNews", stub.WatchNews, news_pb2.WatchNewsRequest(username=username))
