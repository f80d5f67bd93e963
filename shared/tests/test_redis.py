"""Redis for asyncio services, whether it is there or not."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis as redis_py

from delinkcious.errors import Unavailable
from delinkcious.redis import AsyncRedis, RedisAddress
from delinkcious.testing.addresses import RedisAddress as ServerAddress
from delinkcious.testing.embedded import EmbeddedRedis
from delinkcious.testing.running import running
from delinkcious.testing.waiting import eventually, free_port

pytestmark = pytest.mark.integration


@pytest.fixture
async def redis(redis_address: ServerAddress) -> AsyncIterator[AsyncRedis]:
    address = RedisAddress(redis_address.host, redis_address.port, redis_address.password)
    async with AsyncRedis("redis", address) as redis:
        yield redis


async def is_ready(redis: AsyncRedis) -> bool:
    try:
        await asyncio.to_thread(redis.check)
    except Unavailable:
        return False
    return True


async def can_write(redis: AsyncRedis) -> bool:
    try:
        with redis.guard() as client:
            await client.set("key", "value")
    except Unavailable:
        return False
    return True


async def test_it_gives_a_client(redis: AsyncRedis) -> None:
    with redis.guard() as client:
        await client.set("key", "value")
        assert await client.get("key") == b"value"


async def test_nothing_is_logged_of_each_connection(
    redis: AsyncRedis, caplog: pytest.LogCaptureFixture
) -> None:
    assert await can_write(redis)
    assert not caplog.records


async def test_a_server_that_answers_is_ready(redis: AsyncRedis) -> None:
    assert await is_ready(redis)


async def test_a_wrong_command_is_an_error_of_ours_not_of_the_server(redis: AsyncRedis) -> None:
    for _ in range(10):
        with pytest.raises(redis_py.ResponseError), redis.guard() as client:
            await client.eval("nonsense", 0)
    assert await can_write(redis)


async def test_a_wrong_password_is_told(redis_address: ServerAddress) -> None:
    wrong = RedisAddress(redis_address.host, redis_address.port, "wrong")
    async with AsyncRedis("redis", wrong) as redis:
        assert not await can_write(redis)
        with pytest.raises(Unavailable, match="redis does not answer: "):
            await asyncio.to_thread(redis.check)


async def test_more_commands_than_connections_wait_for_one_another(
    redis_address: ServerAddress,
) -> None:
    address = RedisAddress(redis_address.host, redis_address.port, redis_address.password)
    async with AsyncRedis("redis", address, max_connections=2) as redis:
        assert all(await asyncio.gather(*(can_write(redis) for _ in range(50))))


async def test_a_server_that_hangs_is_not_ready() -> None:
    """It accepts connections and never answers."""

    async def listen_and_say_nothing(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(listen_and_say_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with AsyncRedis("redis", RedisAddress("127.0.0.1", port)) as redis:
            assert not await is_ready(redis)


async def test_it_recovers_when_the_server_comes_back(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path / "redis", free_port(), "secret")
    async with AsyncRedis("redis", RedisAddress("127.0.0.1", server.port, "secret")) as redis:
        assert not await is_ready(redis)
        with running(server, tmp_path / "redis.log") as process:
            assert await eventually(lambda: can_write(redis))
            process.kill()
            assert not await can_write(redis)
            assert not await is_ready(redis)
            process.start()
            assert await eventually(lambda: can_write(redis))
            assert await is_ready(redis)
