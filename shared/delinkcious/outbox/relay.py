"""The relay: publishes what transactions left in the outbox, in order, and marks it.

Any number may run on one database. One of them is active at a time, for one batch: it holds an
advisory lock as long as its transaction, in which it also marks what the broker has acknowledged.
So the order of positions is the order in the stream, for every key. A relay that dies between the
two leaves the events unmarked; the next publishes them again under the same ids, and the broker
drops them. (One that hangs loses its transaction, and the lock, by the limit that
`delinkcious.database` sets on idle transactions.)
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import tuple_row
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool

from delinkcious.errors import Unavailable
from delinkcious.messaging.event import Event
from delinkcious.messaging.pacing import Backoff, pause
from delinkcious.messaging.publisher import EventPublisher, NotAcknowledged
from delinkcious.outbox import metrics
from delinkcious.outbox.upkeep import Upkeep

logger = structlog.get_logger()

_LOCK: Final = "SELECT pg_try_advisory_xact_lock(%s)"
_LOCK_KEY: Final = 0x6F7574626F78  # "outbox"

_UNPUBLISHED: Final = """
SELECT position, id, subject, key, data, context, created_at
FROM outbox
WHERE published_at IS NULL
ORDER BY position
LIMIT %s
"""

_MARK: Final = "UPDATE outbox SET published_at = clock_timestamp() WHERE position = ANY(%s)"

_CHECKOUT: Final = 5.0
_RETRY: Final = Backoff(base=0.2, cap=3)


class Relay:
    """Publishes the events of one database's outbox."""

    def __init__(
        self,
        pool: AsyncConnectionPool[Any],
        publisher: EventPublisher,
        source: str,
        *,
        interval: float = 0.1,
        batch: int = 500,
        retention: timedelta = timedelta(days=7),
    ) -> None:
        """Takes what to relay and how.

        Args:
            source: the events' CloudEvents source, such as ``/link-manager``.
            interval: seconds between two looks at an outbox that was empty.
            batch: how many events are published in one transaction at most.
            retention: how long published events are kept.
        """
        self._pool = pool
        self._publisher = publisher
        self._source = source
        self._interval = interval
        self._batch = batch
        self._upkeep = Upkeep(pool, retention)

    async def run(self, stop: asyncio.Event) -> None:
        """Relays until stopped, through every loss of the broker or the database."""
        failures = 0
        while not stop.is_set():
            try:
                await self._upkeep.observe()
                moved = await self.relay_batch()
                await self._upkeep.clean()
            except (Unavailable, psycopg.Error) as error:
                failures += 1
                self._failed(failures, error)
                await pause(stop, _RETRY.delay(failures))
                continue
            if failures:
                failures = 0
                logger.info("relay_resumed", source=self._source)
            if moved < self._batch:
                await pause(stop, self._interval)

    async def relay_batch(self) -> int:
        """Publishes and marks the oldest unpublished events; returns how many.

        Raises:
            Unavailable: the broker did not acknowledge all; those that it did are marked.
            psycopg.Error: the database is not there.
        """
        async with self._pool.connection(_CHECKOUT) as connection, connection.transaction():
            if not await _lock(connection):
                return 0
            events = await self._unpublished(connection)
            refused = await self._publish(list(events.values()))
            moved = [position for position, event in events.items() if event not in refused]
            if moved:
                await connection.execute(_MARK, [moved])
        metrics.PUBLISHED.inc(len(moved))
        if refused:
            raise NotAcknowledged(refused)
        return len(moved)

    async def _unpublished(self, connection: AsyncConnection[Any]) -> dict[int, Event]:
        """Returns the oldest events that are not published, by position."""
        async with connection.cursor(binary=True, row_factory=tuple_row) as cursor:
            set_json_loads(orjson.loads, cursor)
            await cursor.execute(_UNPUBLISHED, [self._batch])
            return {row[0]: self._event(*row[1:]) for row in await cursor.fetchall()}

    def _event(
        self,
        identity: UUID,
        subject: str,
        key: str,
        data: Mapping[str, Any],
        context: Mapping[str, str],
        created_at: datetime,
    ) -> Event:
        return Event(
            id=str(identity),
            type=subject,
            source=self._source,
            key=key,
            data=data,
            time=created_at,
            context=context,
        )

    async def _publish(self, events: Sequence[Event]) -> Sequence[Event]:
        """Returns those that the broker did not acknowledge."""
        if not events:
            return ()
        try:
            await self._publisher.publish(events)
        except NotAcknowledged as error:
            return error.events
        return ()

    def _failed(self, failures: int, error: Exception) -> None:
        """Logs it once, however often the attempts to go on then fail."""
        metrics.FAILURES.inc()
        if failures == 1:
            logger.warning("relay_blocked", source=self._source, reason=str(error))


async def _lock(connection: AsyncConnection[Any]) -> bool:
    """Returns whether this relay is the active one until the end of the transaction."""
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_LOCK, [_LOCK_KEY])
        row = await cursor.fetchone()
    return row is not None and bool(row[0])
