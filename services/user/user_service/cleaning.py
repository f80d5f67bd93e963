"""Removes what has expired, a few rows at a time, for as long as it runs."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from delinkcious.errors import Unavailable
from delinkcious.messaging.pacing import pause

logger = structlog.get_logger()

BATCH: Final = 1000
_INTERVAL: Final = 60.0


class Cleaner:
    """Cleans now and then, and on at once while there is more to do.

    Any number may run: what one is removing, the others pass over.

    Args:
        delete_expired: removes as many as it is told of each kind, and returns how many.
        log: what the log calls it.
        interval: seconds between two rounds.
    """

    def __init__(
        self,
        delete_expired: Callable[[int], int],
        *,
        log: str = "expired_tokens_deleted",
        interval: float = _INTERVAL,
    ) -> None:
        self._delete_expired = delete_expired
        self._log = log
        self._interval = interval

    async def run(self, stop: asyncio.Event) -> None:
        """Cleans until stopped, through every loss of the database."""
        while not stop.is_set():
            deleted = await self._round()
            if deleted < BATCH:
                await pause(stop, self._interval)

    async def _round(self) -> int:
        try:
            deleted = await asyncio.to_thread(self._delete_expired, BATCH)
        except Unavailable:
            return 0  # which the database has logged; the next round does it
        if deleted:
            logger.info(self._log, count=deleted)
        return deleted
