"""Empty the brokers between two tests."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from delinkcious.testing.addresses import NatsAddress, RedisAddress


def flush(address: RedisAddress) -> None:
    """Delete all data of the Redis server."""
    import redis

    with redis.Redis.from_url(address.url) as client:
        client.flushall()


def delete_streams(address: NatsAddress) -> None:
    """Delete all JetStream streams of the NATS server, and with them their consumers."""
    # In a thread of its own, as the test that is being set up may have an event loop here.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _delete_streams(address)).result()


async def _delete_streams(address: NatsAddress) -> None:
    import nats

    client = await nats.connect(address.url, max_reconnect_attempts=1)
    try:
        jetstream = client.jetstream()
        for stream in await jetstream.streams_info():
            await jetstream.delete_stream(stream.config.name or "")
    finally:
        await client.close()
