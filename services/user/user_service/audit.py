"""The audit trail of everybody: takes in what services tell, shows users their own, ends what is
old.
"""

import asyncio
from datetime import timedelta
from typing import Final

from delinkcious.audit import Act
from delinkcious.audit.origin import cleaned
from delinkcious.messaging.event import Event
from delinkcious.object_model.audit import AuditPage
from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE
from user_service.ports import AuditStore

_MAX_SERVICE: Final = 100


class AuditTrail:
    """Keeps the trail; see `delinkcious.object_model.audit.AuditTrail`.

    Args:
        retention: how long an entry is kept.
    """

    def __init__(self, store: AuditStore, retention: timedelta = timedelta(days=365)) -> None:
        self._store = store
        self._retention = retention

    def get_audit(
        self, username: str, start_token: str | None = None, page_size: int = DEFAULT_PAGE_SIZE
    ) -> AuditPage:
        return self._store.get_audit(username, start_token, page_size)

    async def record(self, event: Event) -> None:
        """Handles ``audit.recorded``.

        Raises:
            MalformedEvent: it will never make sense.
        """
        service = cleaned(event.source.removeprefix("/"), _MAX_SERVICE)
        act = Act.of(event)
        await asyncio.to_thread(self._store.insert_audit, event.id, event.time, service, act)

    def delete_expired(self, limit: int) -> int:
        """Removes the oldest entries that are too old, ``limit`` at most, and returns how many."""
        return self._store.expire_audit(self._retention, limit)
