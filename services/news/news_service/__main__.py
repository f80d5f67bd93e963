"""Runs the news service: ``python -m news_service serve | work | dead-letters``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from delinkcious.auth import MutualAuth
from delinkcious.clients.social_graph import SocialGraphClient
from delinkcious.dead_letters import dead_letters
from delinkcious.http.client import HttpClient
from delinkcious.messaging.event import Event
from delinkcious.messaging.streams import LINKS
from delinkcious.redis import AsyncRedis
from delinkcious.service import Runtime, run
from delinkcious.worker import Subscription, run_worker
from news_service.config import NewsSettings
from news_service.events import LINK_NEWS, TYPES, to_link_news
from news_service.followers import SocialGraphFollowers
from news_service.grpc import news_grpc_service
from news_service.manager import NewsDesk, NewsManager
from news_service.redis import RedisNewsStore

SOCIAL_GRAPH: Final = "social-graph-manager"


@asynccontextmanager
async def _store(runtime: Runtime[NewsSettings]) -> AsyncIterator[RedisNewsStore]:
    settings = runtime.settings
    async with AsyncRedis("redis", settings.redis) as redis:
        runtime.health.add("redis", redis.check)
        yield RedisNewsStore(redis, feed_size=settings.news_feed_size, retention=settings.retention)


def _social_graph(runtime: Runtime[NewsSettings]) -> SocialGraphClient:
    settings = runtime.settings
    token = MutualAuth.from_settings(settings).token_for(SOCIAL_GRAPH)
    http = HttpClient(SOCIAL_GRAPH, settings.social_graph, token=token)
    runtime.health.add(SOCIAL_GRAPH, http.check)
    return SocialGraphClient(http)


async def serve(runtime: Runtime[NewsSettings]) -> None:
    """Answer requests (gRPC)."""
    async with _store(runtime) as store:
        service = news_grpc_service(NewsManager(store))
        await runtime.serve_grpc([service], MutualAuth.from_settings(runtime.settings))


async def work(runtime: Runtime[NewsSettings]) -> None:
    """Write what people do with their links to the feeds of their followers."""
    async with _store(runtime) as store:
        desk = NewsDesk(store, SocialGraphFollowers(_social_graph(runtime)))

        async def record(event: Event) -> None:
            await desk.record(to_link_news(event))

        await run_worker(
            runtime,
            subscriptions=[Subscription(LINKS, LINK_NEWS, list(TYPES), record)],
        )


if __name__ == "__main__":
    run(
        NewsSettings,
        roles={"serve": serve, "work": work},
        commands={"dead-letters": dead_letters([LINK_NEWS])},
    )
