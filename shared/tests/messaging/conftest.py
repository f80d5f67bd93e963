"""Consumers that run, and a look into streams."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from nats.js.api import RawStreamMsg

from delinkcious.messaging import Backoff, Broker, Consumer, Event
from delinkcious.messaging.streams import LINKS, Stream

Running = Callable[..., AbstractAsyncContextManager[Consumer]]
Read = Callable[[Stream], Awaitable[list[RawStreamMsg]]]


@pytest.fixture
def read(broker: Broker) -> Read:
    """Reads all messages of a stream."""

    async def read_all(stream: Stream) -> list[RawStreamMsg]:
        jetstream = broker.connection().jetstream
        state = (await jetstream.stream_info(stream.name)).state
        sequences = range(state.first_seq, state.last_seq + 1) if state.messages else ()
        return [await jetstream.get_msg(stream.name, seq) for seq in sequences]

    return read_all


@pytest.fixture
def consuming(broker: Broker) -> Running:
    """Runs a consumer of ``links.>`` as long as the context lasts."""

    @asynccontextmanager
    async def run(
        handle: Callable[[Event], Awaitable[None]], /, **options: Any
    ) -> AsyncIterator[Consumer]:
        defaults = {
            "broker": broker,
            "stream": LINKS,
            "name": "test",
            "subjects": ["links.>"],
            "grace_period": 1,
            "backoff": Backoff(base=0.05, cap=0.1),
        }
        consumer = Consumer(handle=handle, **{**defaults, **options})
        stop = asyncio.Event()
        task = asyncio.create_task(consumer.run(stop))
        try:
            yield consumer
        finally:
            stop.set()
            await task

    return run
