"""Runs the news service: ``python -m news_service serve | work | rebuild | dead-letters``."""

import asyncio
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from delinkcious.audit.serving import recording
from delinkcious.auth import MutualAuth
from delinkcious.clients.links import LinkClient
from delinkcious.clients.social_graph import SocialGraphClient
from delinkcious.config import Address
from delinkcious.dead_letters import dead_letters
from delinkcious.deletion import DELETED as USER_DELETED
from delinkcious.errors import Unavailable
from delinkcious.http.client import HttpClient
from delinkcious.live import Live
from delinkcious.messaging.event import Event
from delinkcious.messaging.publisher import EventPublisher
from delinkcious.messaging.streams import GRAPH, LINKS, USERS
from delinkcious.redis import AsyncRedis
from delinkcious.service import Command, Runtime, StartError, run
from delinkcious.tls import tls
from delinkcious.worker import Subscription, run_worker
from news_service.config import NewsSettings
from news_service.events import (
    FOLLOW_NEWS,
    FOLLOWED,
    LINK_NEWS,
    TYPES,
    UNFOLLOWED,
    to_follow_news,
    to_link_news,
)
from news_service.followers import SocialGraphFollowers
from news_service.grpc import news_grpc_service
from news_service.live import LiveNewsSettings, live_settings
from news_service.manager import NewsDesk, NewsManager
from news_service.purge import PURGES, NewsPurge
from news_service.rebuild import Rebuilder
from news_service.redis import RedisNewsStore
from news_service.sources import RemoteSources
from news_service.watch import Watchers

SOCIAL_GRAPH: Final = "social-graph-manager"
LINK: Final = "link-manager"


@asynccontextmanager
async def _store(runtime: Runtime[NewsSettings]) -> AsyncIterator[RedisNewsStore]:
    settings = runtime.settings
    async with AsyncRedis("redis", settings.redis) as redis:
        runtime.health.add("redis", redis.check)
        yield RedisNewsStore(redis, feed_size=settings.news_feed_size, retention=settings.retention)


def _peer(
    runtime: Runtime[NewsSettings], name: str, address: Address, *, required: bool
) -> HttpClient:
    token = MutualAuth.from_settings(runtime.settings).credential_for(name)
    http = HttpClient(name, address, token=token, tls=tls(runtime.settings.tls))
    runtime.health.add(name, http.check, required=required)
    return http


def _social_graph(runtime: Runtime[NewsSettings], *, required: bool = False) -> SocialGraphClient:
    address = runtime.settings.social_graph
    return SocialGraphClient(_peer(runtime, SOCIAL_GRAPH, address, required=required))


def _rebuilder(
    runtime: Runtime[NewsSettings], store: RedisNewsStore, social_graph: SocialGraphClient
) -> Rebuilder:
    settings = runtime.settings
    links = LinkClient(_peer(runtime, LINK, settings.link_manager, required=False))
    return Rebuilder(store, RemoteSources(social_graph, links), feed_size=settings.news_feed_size)


async def serve(runtime: Runtime[NewsSettings]) -> None:
    """Answer requests (gRPC)."""
    settings = runtime.settings
    async with _store(runtime) as store:
        watchers = Watchers(settings.news_max_watchers, settings.news_heartbeat)
        rebuilder = _rebuilder(runtime, store, _social_graph(runtime))
        live: Live[LiveNewsSettings] = runtime.live
        manager = NewsManager(store, rebuilder, watchers, lambda: live.current.features)
        service = news_grpc_service(manager, watchers.close)
        auth = MutualAuth.from_settings(settings)
        async with _running(watchers, store):
            with recording(settings, auth):
                await runtime.serve_grpc([service], auth)


@asynccontextmanager
async def _running(watchers: Watchers, store: RedisNewsStore) -> AsyncIterator[None]:
    task = asyncio.create_task(watchers.run(store))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def work(runtime: Runtime[NewsSettings]) -> None:
    """Write what people do with their links to the feeds of their followers."""
    limit = runtime.settings.news_fanout_limit
    async with _store(runtime) as store:
        social_graph = _social_graph(runtime, required=True)
        followers = SocialGraphFollowers(social_graph, limit + 1)
        rebuilder = _rebuilder(runtime, store, social_graph)
        desk = NewsDesk(store, followers, rebuilder, fanout_limit=limit)

        async def record(event: Event) -> None:
            await desk.record(to_link_news(event))

        async def follow(event: Event) -> None:
            await desk.follow(to_follow_news(event))

        def subscriptions(publisher: EventPublisher) -> list[Subscription]:
            purge = NewsPurge(store, publisher)
            return [
                Subscription(LINKS, LINK_NEWS, list(TYPES), record),
                Subscription(GRAPH, FOLLOW_NEWS, [FOLLOWED, UNFOLLOWED], follow),
                Subscription(USERS, PURGES, [USER_DELETED], purge.handle),
            ]

        await run_worker(runtime, subscriptions=subscriptions)


async def rebuild(runtime: Runtime[NewsSettings], given: Namespace) -> None:
    """Rebuild feeds that Redis has lost, from the social graph and the link service."""
    async with _store(runtime) as store:
        rebuilder = _rebuilder(runtime, store, _social_graph(runtime))
        try:
            if given.user is not None:
                await rebuilder.rebuild(given.user.lower())
                number = 1
            else:
                number = await rebuilder.rebuild_all()
        except Unavailable as error:
            raise StartError(error.detail) from None
    print(f"rebuilt: {number}")


def _what_to_rebuild(parser: ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--user", help="whose feed")
    which.add_argument("--all", action="store_true", help="the feeds of all who follow anybody")


if __name__ == "__main__":
    run(
        NewsSettings,
        live=live_settings,
        roles={"serve": serve, "work": work},
        commands={
            "rebuild": Command(_what_to_rebuild, rebuild),
            "dead-letters": dead_letters([LINK_NEWS, FOLLOW_NEWS, PURGES]),
        },
    )
