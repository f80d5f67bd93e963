"""One trace runs from the gateway's request to the write of a follower's feed."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta

import pytest
import requests
from opentelemetry.sdk.trace import ReadableSpan

from api_gateway.app import Managers, create_gateway_app
from api_gateway.cookies import LoginCookie
from api_gateway.sessions import Sessions
from api_gateway.testing import FixedNews, NoProvider
from delinkcious.clients.audit import AuditClient
from delinkcious.clients.imports import ImportClient
from delinkcious.clients.links import LinkClient
from delinkcious.database import AsyncDatabase, Database
from delinkcious.http.client import HttpClient
from delinkcious.messaging import Broker, Consumer, Event, Publisher
from delinkcious.messaging.streams import LINKS
from delinkcious.object_model.users import GitHubIdentity
from delinkcious.outbox import Relay
from delinkcious.redis import AsyncRedis
from delinkcious.redis import RedisAddress as RedisServer
from delinkcious.service import Runner
from delinkcious.testing.addresses import NatsAddress, PostgresAddress, RedisAddress
from delinkcious.testing.audit import RecordedActs
from delinkcious.testing.databases import Migrated, NewDatabase
from delinkcious.testing.peers import auth_for, token_of
from delinkcious.testing.serving import serving
from delinkcious.testing.spans import collected_spans
from delinkcious.testing.waiting import eventually
from link_service import migrations
from link_service.http import create_link_app
from link_service.manager import LinkManager
from link_service.postgres import PostgresLinkStore
from news_service.events import TYPES, to_link_news
from news_service.followers import SocialGraphFollowers
from news_service.manager import NewsDesk
from news_service.rebuild import Rebuilder
from news_service.redis import RedisNewsStore
from news_service.sources import RemoteSources
from social_graph_service.manager import SocialGraphManager
from social_graph_service.memory import InMemoryFollowStore
from user_service.manager import UserManager
from user_service.memory import InMemoryUserStore

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def link_db(migrated: Migrated, new_database: NewDatabase) -> PostgresAddress:
    return new_database(migrated(migrations))


@pytest.fixture
def graph() -> SocialGraphManager:
    graph = SocialGraphManager(InMemoryFollowStore())
    graph.follow("alice", "bob")
    return graph


@pytest.fixture
def users() -> UserManager:
    users = UserManager(InMemoryUserStore(), DAY)
    users.register(GitHubIdentity(1, "alice", "Alice", "alice@example.com"))
    return users


@pytest.fixture
def gateway(
    link_db: PostgresAddress, graph: SocialGraphManager, users: UserManager
) -> Iterator[str]:
    """The gateway in front of the link service on Postgres, both served for real."""
    database = Database("link-db", link_db)
    links = LinkManager(PostgresLinkStore(database), max_links_per_user=10)
    with ExitStack() as stack:
        app = create_link_app(links, auth_for("api-gateway"))
        http = HttpClient(
            "link-manager", stack.enter_context(serving(app)), token=token_of("api-gateway")
        )
        managers = Managers(
            LinkClient(http),
            graph,
            users,
            FixedNews(),
            ImportClient(http),
            AuditClient(http),
            RecordedActs(),
        )
        sessions = Sessions(users, seconds=5, size=10)
        public = create_gateway_app(managers, sessions, NoProvider(), LoginCookie("k" * 32))
        yield f"http://{stack.enter_context(serving(public))}"
    database.close()


@asynccontextmanager
async def workers(
    link_db: PostgresAddress, nats: NatsAddress, redis: AsyncRedis, graph: SocialGraphManager
) -> AsyncIterator[None]:
    """What the workers of the link and news services run: the relay and the consumer."""
    database = Database("link-db", link_db)
    store = RedisNewsStore(redis, feed_size=10, retention=DAY)
    sources = RemoteSources(graph, LinkManager(PostgresLinkStore(database), max_links_per_user=10))
    rebuilder = Rebuilder(store, sources, feed_size=10)
    desk = NewsDesk(store, SocialGraphFollowers(graph, 10), rebuilder, fanout_limit=9)

    async def record(event: Event) -> None:
        await desk.record(to_link_news(event))

    async with (
        AsyncDatabase("link-db", link_db) as relayed,
        Broker(nats.host, nats.port, "test") as broker,
    ):
        relay = Relay(relayed.pool, Publisher(broker), "/link-manager")
        consumer = Consumer(
            broker, stream=LINKS, name="news-links", subjects=list(TYPES), handle=record
        )
        async with running(relay.run, consumer.run):
            yield
    database.close()


@asynccontextmanager
async def running(*runners: Runner) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for runner in runners:
            group.create_task(runner(stop))  # type: ignore[arg-type]
        try:
            yield
        finally:
            stop.set()


async def test_one_trace_id_runs_from_the_request_to_the_write_of_the_feed(
    gateway: str,
    users: UserManager,
    link_db: PostgresAddress,
    nats_address: NatsAddress,
    redis_address: RedisAddress,
    graph: SocialGraphManager,
) -> None:
    server = RedisServer(redis_address.host, redis_address.port, redis_address.password)
    headers = {
        "Authorization": f"Bearer {users.login('alice').access_token}",
        "traceparent": f"00-{TRACE}-b7ad6b7169203331-01",
    }
    with collected_spans() as spans:
        async with AsyncRedis("redis", server) as redis:
            async with workers(link_db, nats_address, redis, graph):
                answer = await asyncio.to_thread(
                    requests.post,
                    f"{gateway}/v1/links",
                    json={"url": "https://example.com/"},
                    headers=headers,
                    timeout=10,
                )
                assert answer.status_code == 201
                await eventually(lambda: "process links.added" in names(spans.get_finished_spans()))
            assert await redis.client.exists("feed:bob")
        found = spans.get_finished_spans()
    way = [
        "deliver news",
        "process links.added",
        "send links.added",
        "POST /links",
        "POST /v1/links",
    ]
    assert ancestors(found, "deliver news") == way
    assert {format(span.context.trace_id, "032x") for span in of(found, way)} == {TRACE}


def names(spans: Sequence[ReadableSpan]) -> list[str]:
    return [span.name for span in spans]


def of(spans: Sequence[ReadableSpan], wanted: Sequence[str]) -> list[ReadableSpan]:
    return [span for span in spans if span.name in wanted]


def ancestors(spans: Sequence[ReadableSpan], name: str) -> list[str]:
    """The names from a span up to the first of its trace."""
    by_id = {span.context.span_id: span for span in spans}
    span = next((span for span in spans if span.name == name), None)
    way = []
    while span is not None:
        way.append(span.name)
        span = by_id.get(span.parent.span_id) if span.parent else None
    return way
