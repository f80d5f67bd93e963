"""What only the real store has: its keys, their lifetimes, and a Redis that comes and goes."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from delinkcious.errors import Unavailable
from delinkcious.redis import AsyncRedis, RedisAddress
from delinkcious.testing.embedded import EmbeddedRedis
from delinkcious.testing.running import running
from delinkcious.testing.waiting import eventually, free_port
from news_service.domain import FeedQuery
from news_service.redis import RedisNewsStore

from .conftest import FEED_SIZE, RETENTION, event_id, news_of

pytestmark = pytest.mark.integration

SECONDS = int(RETENTION.total_seconds())
WHOLE_FEED = FeedQuery("bob", None, 20)


@pytest.fixture
def store(redis: AsyncRedis) -> RedisNewsStore:
    return RedisNewsStore(redis, feed_size=FEED_SIZE, retention=RETENTION)


async def publish(store: RedisNewsStore, number: int) -> None:
    entry = await store.tell(news_of(number), popular=False)
    assert entry
    await store.deliver([entry], ["bob"])


async def test_every_key_goes_by_itself_in_the_end(
    store: RedisNewsStore, redis: AsyncRedis
) -> None:
    await publish(store, 1)
    await store.retract(news_of(2, link_id=2, is_public=False))
    await redis.client.delete("began")  # stays, but who needs it makes it again
    keys: list[Any] = await redis.client.keys("*")
    lifetimes = {key.decode(): await redis.client.ttl(key) for key in keys}
    assert set(lifetimes) == {
        "feed:bob",
        f"event:{event_id(1)}",
        "link:1",
        "link:1:events",
        "link:2",
    }
    assert all(SECONDS - 60 < lifetime <= SECONDS for lifetime in lifetimes.values())


async def test_an_event_is_stored_once_however_many_read_it(
    store: RedisNewsStore, redis: AsyncRedis
) -> None:
    entry = await store.tell(news_of(1), popular=False)
    assert entry
    await store.deliver([entry], [f"user{number}" for number in range(2500)])
    assert len(await redis.client.keys("event:*")) == 1
    assert len(await redis.client.keys("feed:*")) == 2500


async def test_a_server_that_forgot_the_scripts_is_told_them_again(
    store: RedisNewsStore, redis: AsyncRedis
) -> None:
    await publish(store, 1)
    await redis.client.script_flush()
    await publish(store, 2)
    assert len((await store.read(WHOLE_FEED, 20)).events) == 2


@pytest.fixture
async def absent(tmp_path: Path) -> AsyncIterator[tuple[EmbeddedRedis, AsyncRedis]]:
    """A Redis with a password that does not run yet, and our side of it."""
    server = EmbeddedRedis(tmp_path / "redis", free_port(), "a-password")
    address = RedisAddress("127.0.0.1", server.port, "a-password")
    async with AsyncRedis("redis", address) as redis:
        yield server, redis


async def test_without_redis_everything_is_unavailable(
    absent: tuple[EmbeddedRedis, AsyncRedis],
) -> None:
    store = RedisNewsStore(absent[1], feed_size=FEED_SIZE, retention=RETENTION)
    with pytest.raises(Unavailable, match="redis does not answer"):
        await store.read(WHOLE_FEED, 20)
    with pytest.raises(Unavailable):
        await publish(store, 1)
    with pytest.raises(Unavailable):
        await store.retract(news_of(2, is_public=False))


async def test_it_comes_back_with_redis_and_what_redis_kept(
    absent: tuple[EmbeddedRedis, AsyncRedis], tmp_path: Path
) -> None:
    server, redis = absent
    store = RedisNewsStore(redis, feed_size=FEED_SIZE, retention=RETENTION)

    async def can_publish(number: int) -> bool:
        try:
            await publish(store, number)
        except Unavailable:
            return False
        return True

    assert not await can_publish(1)
    with running(server, tmp_path / "redis.log") as process:
        await eventually(lambda: can_publish(1))
        process.kill()
        assert not await can_publish(2)
        process.start()
        await eventually(lambda: can_publish(2))
        feed = await store.read(WHOLE_FEED, 20)
        assert [event.title for event in feed.events] == ["News 2", "News 1"]


async def test_a_wrong_password_is_unavailable(redis_address: RedisAddress) -> None:
    address = RedisAddress(redis_address.host, redis_address.port, "wrong")
    async with AsyncRedis("redis", address) as redis:
        store = RedisNewsStore(redis, feed_size=FEED_SIZE, retention=RETENTION)
        with pytest.raises(Unavailable):
            await store.read(WHOLE_FEED, 20)
