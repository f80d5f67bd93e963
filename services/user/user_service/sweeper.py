"""Brings deletions of accounts to their end: hears who has confirmed, tells those again who have
not, and closes what is complete. Any number may run.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from delinkcious.errors import Unavailable
from delinkcious.messaging.event import Event, MalformedEvent
from delinkcious.messaging.pacing import pause
from user_service import metrics
from user_service.ports import DeletionStore

logger = structlog.get_logger()

_INTERVAL: Final = 1.0


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Sweeper:
    """Sees deletions through.

    Args:
        patience: how long services have to confirm before they are told again, at first.
        interval: seconds between two looks.
    """

    def __init__(
        self,
        store: DeletionStore,
        patience: timedelta,
        clock: Callable[[], datetime] = _utc_now,
        *,
        interval: float = _INTERVAL,
    ) -> None:
        self._store = store
        self._patience = patience
        self._clock = clock
        self._interval = interval

    async def confirm(self, event: Event) -> None:
        """Handles ``users.purged``.

        Raises:
            MalformedEvent: it will never make sense.
        """
        deletion_id, service = _confirmation(event)
        if await asyncio.to_thread(self._store.confirm, deletion_id, service, self._clock()):
            logger.info("deletion_confirmed", deletion_id=deletion_id, by=service)

    async def run(self, stop: asyncio.Event) -> None:
        """Looks now and then until stopped, through every loss of the database."""
        while not stop.is_set():
            with suppress(Unavailable):  # which the database has logged; the next round does it
                await asyncio.to_thread(self.sweep)
            await pause(stop, self._interval)

    def sweep(self) -> None:
        """Looks once."""
        now = self._clock()
        for deletion_id in self._store.finish(now):
            metrics.FINISHED.inc()
            logger.info("deletion_done", deletion_id=deletion_id)
        for hanging in self._store.tell_again(now, self._patience):
            metrics.TOLD_AGAIN.inc()
            logger.warning(
                "deletion_hangs",
                deletion_id=hanging.deletion_id,
                waits_for=hanging.services,
                age_seconds=round((now - hanging.requested_at).total_seconds()),
            )
        overview = self._store.overview()
        age = (now - overview.oldest).total_seconds() if overview.oldest else 0
        metrics.RUNNING.set(overview.running)
        metrics.OLDEST_AGE.set(max(0, age))


def _confirmation(event: Event) -> tuple[str, str]:
    try:
        return str(UUID(event.data["deletion_id"])), str(event.data["service"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MalformedEvent.of("data", f"confirms no deletion: {error!r}") from None
