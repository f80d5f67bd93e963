"""How far a consumer is behind, and what it gave up on, as the broker tells: now and then.

A worker that is stuck or starved delivers nothing, so what it measures itself would stand still.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

from delinkcious.messaging import metrics
from delinkcious.messaging.broker import CONNECTION_ERRORS, Connection
from delinkcious.messaging.dead_letters import subject_of
from delinkcious.messaging.pacing import unless
from delinkcious.messaging.streams import DEAD_LETTERS, Stream

logger = structlog.get_logger()

_EVERY: Final = 5.0
_ALL: Final = ">"


class Lag:
    """Sets the gauges of one consumer."""

    def __init__(self, stream: Stream, consumer: str, *, every: float = _EVERY) -> None:
        self._stream = stream
        self._consumer = consumer
        self._every = every
        self._subjects: set[str] = set()

    @asynccontextmanager
    async def observed(self, connection: Connection) -> AsyncIterator[None]:
        """Sets the gauges again and again as long as the context lasts."""
        ended = asyncio.Event()
        observing = asyncio.create_task(unless(ended, self._observe(connection)))
        try:
            yield
        finally:
            ended.set()
            await observing

    async def _observe(self, connection: Connection) -> None:
        while True:
            try:
                await self.measure(connection)
            except CONNECTION_ERRORS as error:  # the consumer itself sees to that
                logger.debug("lag_unknown", consumer=self._consumer, error=repr(error))
            await asyncio.sleep(self._every)

    async def measure(self, connection: Connection) -> None:
        """Sets the gauges.

        Raises:
            nats.errors.Error: the broker does not tell.
        """
        consumer = self._consumer
        info = await connection.jetstream.consumer_info(self._stream.name, consumer)
        metrics.PENDING.labels(consumer).set(info.num_pending or 0)
        metrics.ACK_PENDING.labels(consumer).set(info.num_ack_pending or 0)
        metrics.REDELIVERING.labels(consumer).set(info.num_redelivered or 0)
        await self._count_dead_letters(connection)

    async def _count_dead_letters(self, connection: Connection) -> None:
        prefix = subject_of(self._consumer, "")
        info = await connection.jetstream.stream_info(DEAD_LETTERS.name, prefix + _ALL)
        found = {k.removeprefix(prefix): v for k, v in (info.state.subjects or {}).items()}
        for subject in self._subjects | set(found):  # those that are gone count to zero
            metrics.DEAD_LETTERS.labels(self._consumer, subject).set(found.get(subject, 0))
        self._subjects |= set(found)
