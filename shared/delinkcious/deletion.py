"""Deleting an account everywhere: what services tell each other of it (ADR-0029).

The user service says ``users.deleted``; each service that keeps something of users deletes what it
has, and says ``users.purged``. Both may come more than once. What the services with a database have
in common beyond that is in `delinkcious.purges`.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final, Self
from uuid import UUID

from delinkcious.errors import Unavailable
from delinkcious.messaging.event import Event, MalformedEvent

DELETED: Final = "users.deleted"
PURGED: Final = "users.purged"

_BUDGET: Final = 20.0


@dataclass(frozen=True, slots=True)
class DeletedUser:
    """An account that is to be forgotten.

    Attributes:
        until: what was made under this name before is of the deleted account; what is made from
            then on is of another, which got the name when the deletion was done.
    """

    deletion_id: str
    username: str
    until: datetime

    @classmethod
    def of(cls, event: Event) -> Self:
        """Reads ``users.deleted``.

        Raises:
            MalformedEvent: it will never make sense.
        """
        data = event.data
        try:
            until = datetime.fromisoformat(data["until"]).astimezone(UTC)
            return cls(str(UUID(data["deletion_id"])), _name(data["username"]), until)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise MalformedEvent.of("data", f"names no deleted user: {error!r}") from None

    def to_data(self) -> Mapping[str, Any]:
        """Returns the data of ``users.deleted``."""
        return {
            "deletion_id": self.deletion_id,
            "username": self.username,
            "until": self.until.astimezone(UTC).isoformat(),
        }

    @property
    def digest(self) -> bytes:
        """What is remembered of the name by those who have deleted everything else."""
        return digest_of(self.username)

    def purged_by(self, service: str) -> Mapping[str, Any]:
        """Returns the data of ``users.purged``: whose account it was is not in it."""
        return {"deletion_id": self.deletion_id, "service": service}


def _name(username: str) -> str:
    if not username:
        raise ValueError("nobody is called nothing")
    return username.lower()


def digest_of(username: str) -> bytes:
    """Returns what names a user that is to be forgotten."""
    return hashlib.sha256(username.encode()).digest()


class Purger:
    """Handles ``users.deleted``: deletes a batch at a time, each stored for itself.

    Whatever interrupts it, the next delivery goes on where this one was.

    Args:
        purge_some: deletes some of what there is, and tells whether that was the last of it.
        budget: seconds after which it has the event tried again, for as long as it takes; a
            consumer counts what takes a minute as a failure.
    """

    def __init__(
        self, purge_some: Callable[[DeletedUser], bool], *, budget: float = _BUDGET
    ) -> None:
        self._purge_some = purge_some
        self._budget = budget

    async def handle(self, event: Event) -> None:
        """Deletes what there is of a user."""
        user, end = DeletedUser.of(event), monotonic() + self._budget
        while not await asyncio.to_thread(self._purge_some, user):
            if monotonic() > end:
                raise Unavailable("There is still something of a deleted user to delete.")
