"""Two of every worker, side by side and killed: each event is published and recorded once."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import nats
import pytest
import redis

from delinkcious.clients.links import LinkClient
from delinkcious.clients.social_graph import SocialGraphClient
from delinkcious.config import Address
from delinkcious.http.client import HttpClient
from delinkcious.object_model.links import LinkChange, NewLink
from delinkcious.testing.addresses import NatsAddress, RedisAddress
from delinkcious.testing.databases import Migrated, NewDatabase
from delinkcious.testing.process import ServiceProcess
from delinkcious.testing.settings import nats_settings, postgres_settings, redis_settings
from delinkcious.testing.waiting import eventually
from link_service import migrations as link_migrations
from social_graph_service import migrations as graph_migrations

pytestmark = pytest.mark.integration

LINKS = 40
MANY_LINKS = 150
FOLLOWERS = ("bob", "carol")


class Platform:
    """One of each that serves, and two of each that works."""

    def __init__(self, stack: ExitStack, env: Mapping[str, str]) -> None:
        link = self._run(stack, env, "link_service", "serve")
        graph = self._run(stack, env, "social_graph_service", "serve")
        env = {
            **env,
            "LINK_MANAGER_SERVICE_PORT": str(link.port),
            "SOCIAL_GRAPH_MANAGER_SERVICE_PORT": str(graph.port),
        }
        self.workers = [
            self._run(stack, env, module, "work")
            for module in ("link_service", "news_service")
            for _ in range(2)
        ]
        self.links = LinkClient(HttpClient("link-manager", Address("127.0.0.1", link.port)))
        address = Address("127.0.0.1", graph.port)
        self.graph = SocialGraphClient(HttpClient("social-graph-manager", address))

    def _run(
        self, stack: ExitStack, env: Mapping[str, str], module: str, role: str
    ) -> ServiceProcess:
        process = stack.enter_context(ServiceProcess(module, role, env))
        process.wait_ready()
        return process


@pytest.fixture
def platform(
    migrated: Migrated,
    new_database: NewDatabase,
    nats_address: NatsAddress,
    redis_address: RedisAddress,
) -> Iterator[Platform]:
    env = {
        "DELINKCIOUS_MUTUAL_AUTH": "false",
        "LINK_MANAGER_SERVICE_HOST": "127.0.0.1",
        "SOCIAL_GRAPH_MANAGER_SERVICE_HOST": "127.0.0.1",
        **postgres_settings("LINK_DB", new_database(migrated(link_migrations))),
        **postgres_settings("SOCIAL_GRAPH_DB", new_database(migrated(graph_migrations))),
        **nats_settings(nats_address),
        **redis_settings("NEWS_MANAGER_REDIS", redis_address),
    }
    with ExitStack() as stack:
        yield Platform(stack, env)


async def test_two_relays_and_two_news_workers_do_everything_once(
    platform: Platform, nats_address: NatsAddress, redis_address: RedisAddress
) -> None:
    for follower in FOLLOWERS:
        platform.graph.follow("alice", follower)
    await asyncio.to_thread(change_links, platform.links, LINKS)
    await everything_is_there_once(nats_address, redis_address, LINKS)


async def test_workers_that_are_killed_all_the_time_lose_nothing_and_repeat_nothing(
    platform: Platform, nats_address: NatsAddress, redis_address: RedisAddress
) -> None:
    for follower in FOLLOWERS:
        platform.graph.follow("alice", follower)
    changing = asyncio.create_task(asyncio.to_thread(change_links, platform.links, MANY_LINKS))
    kills = 0
    while not changing.done() or kills < 2 * len(platform.workers):
        worker = platform.workers[kills % len(platform.workers)]
        await asyncio.to_thread(worker.kill)
        worker.start()
        await asyncio.to_thread(worker.wait_ready)
        kills += 1
    await changing
    await everything_is_there_once(nats_address, redis_address, MANY_LINKS)


async def everything_is_there_once(nats: NatsAddress, server: RedisAddress, links: int) -> None:
    """Waits for it; what a killed worker held comes again after 15 seconds."""
    feeds = redis.Redis(host=server.host, port=server.port, password=server.password or None)
    with feeds:
        await eventually(
            lambda: [feeds.zcard(f"feed:{f}") for f in FOLLOWERS] == [2 * links] * 2, timeout=40
        )
    assert await published(nats) == {"links.added": links, "links.updated": links}


def change_links(links: LinkClient, count: int) -> None:
    for number in range(count):
        url = f"https://example.com/{number}"
        links.add_link("alice", NewLink(url))
        links.update_link("alice", LinkChange(url, title="changed"))


async def published(address: NatsAddress) -> dict[str, int]:
    """How many messages the stream has of what authors did."""
    client = await nats.connect(address.url)
    try:
        info = await client.jetstream().stream_info("LINKS", subjects_filter="links.*")
        return dict(info.state.subjects or {})
    finally:
        await client.close()
