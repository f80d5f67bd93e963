"""What an outbox needs besides relaying: its depth measured, and old rows removed.

Both now and then, and each a short statement that an index serves.
"""

import asyncio
from datetime import timedelta
from typing import Any, Final

from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool

from delinkcious.outbox import metrics

_OBSERVE_EVERY: Final = 5.0
_CLEAN_EVERY: Final = 60.0
_CLEAN_LIMIT: Final = 1000
_COUNT_LIMIT: Final = 10_000
_CHECKOUT: Final = 5.0

_DEPTH: Final = """
SELECT (SELECT count(*) FROM (SELECT FROM outbox WHERE published_at IS NULL LIMIT %s)),
       (SELECT extract(epoch FROM clock_timestamp() - created_at)::float8
        FROM outbox WHERE published_at IS NULL ORDER BY position LIMIT 1)
"""

# The oldest rows are those with the lowest positions, so the primary key finds them.
_CLEAN: Final = """
DELETE FROM outbox
USING (SELECT position FROM outbox ORDER BY position LIMIT %s) AS oldest
WHERE outbox.position = oldest.position AND published_at < clock_timestamp() - %s
"""


class Upkeep:
    """Measures and cleans one outbox, no more often than it takes."""

    def __init__(self, pool: AsyncConnectionPool[Any], retention: timedelta) -> None:
        self._pool = pool
        self._retention = retention
        self._observe_at = 0.0
        self._clean_at = 0.0

    async def observe(self) -> None:
        """Sets the gauges, if it is time."""
        now = asyncio.get_running_loop().time()
        if now < self._observe_at:
            return
        async with (
            self._pool.connection(_CHECKOUT) as connection,
            connection.cursor(row_factory=tuple_row) as cursor,
        ):
            await cursor.execute(_DEPTH, [_COUNT_LIMIT])
            pending, age = await cursor.fetchone() or (0, None)
        metrics.PENDING.set(pending)
        metrics.OLDEST_AGE.set(age or 0)
        self._observe_at = now + _OBSERVE_EVERY

    async def clean(self) -> None:
        """Deletes some of the rows published longer ago than their retention, if it is time."""
        now = asyncio.get_running_loop().time()
        if now < self._clean_at:
            return
        async with self._pool.connection(_CHECKOUT) as connection:
            deleted = (await connection.execute(_CLEAN, [_CLEAN_LIMIT, self._retention])).rowcount
        metrics.DELETED.inc(deleted)
        more_to_do = deleted == _CLEAN_LIMIT
        self._clean_at = now if more_to_do else now + _CLEAN_EVERY
