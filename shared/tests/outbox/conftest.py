"""An outbox in a database, and relays that run."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import psycopg
import pytest
from nats.js.api import RawStreamMsg
from psycopg_pool import AsyncConnectionPool

from delinkcious.messaging import Broker
from delinkcious.messaging.streams import LINKS
from delinkcious.outbox import CREATE_OUTBOX, Relay
from delinkcious.testing.addresses import PostgresAddress

Pool = AsyncConnectionPool[Any]
Relaying = Callable[..., AbstractAsyncContextManager[None]]
Stored = Callable[[], Awaitable[list[RawStreamMsg]]]


@pytest.fixture
def connection(postgres_database: PostgresAddress) -> Iterator[psycopg.Connection[Any]]:
    """A request's connection to a database with an outbox."""
    with psycopg.connect(postgres_database.conninfo, autocommit=True) as connection:
        connection.execute(CREATE_OUTBOX)
        yield connection


@pytest.fixture
async def pool(
    postgres_database: PostgresAddress, connection: psycopg.Connection[Any]
) -> AsyncIterator[Pool]:
    """A worker's connections to the same database."""
    async with AsyncConnectionPool(
        postgres_database.conninfo, min_size=1, max_size=6, open=False
    ) as pool:
        yield pool


@pytest.fixture
def stored(broker: Broker) -> Stored:
    """Reads all messages of the stream LINKS."""

    async def read() -> list[RawStreamMsg]:
        jetstream = broker.connection().jetstream
        last = (await jetstream.stream_info(LINKS.name)).state.last_seq
        return [await jetstream.get_msg(LINKS.name, seq) for seq in range(1, last + 1)]

    return read


@pytest.fixture
def relaying() -> Relaying:
    """Runs relays as long as the context lasts."""

    @asynccontextmanager
    async def run(*relays: Relay) -> AsyncIterator[None]:
        stop = asyncio.Event()
        tasks = [asyncio.create_task(relay.run(stop)) for relay in relays]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    return run
