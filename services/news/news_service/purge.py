"""Forgets deleted users: their feeds, and what others' feeds tell of them."""

from time import monotonic
from typing import Final

from delinkcious.deletion import PURGED, DeletedUser
from delinkcious.errors import Unavailable
from delinkcious.messaging.event import Event
from delinkcious.messaging.publisher import EventPublisher
from news_service.ports import NewsStore

SERVICE: Final = "news-manager"

PURGES: Final = "news-purges"
"""The consumer that has deleted users forgotten."""

_BUDGET: Final = 20.0


class NewsPurge:
    """Handles ``users.deleted``, some of the store at a time.

    Whatever interrupts it, the next delivery goes on where this one was.

    Args:
        budget: seconds after which it has the event tried again, for as long as it takes.
    """

    def __init__(
        self, store: NewsStore, publisher: EventPublisher, *, budget: float = _BUDGET
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._budget = budget

    async def handle(self, event: Event) -> None:
        """Forgets a user, and says so once the broker has it.

        Raises:
            MalformedEvent: it names no user.
            Unavailable: it is not done; repeat it.
        """
        user, end = DeletedUser.of(event), monotonic() + self._budget
        while not await self._store.purge_some(user):
            if monotonic() > end:
                raise Unavailable("There is still something of a deleted user to delete.")
        done = event.consequence(
            PURGED, source=f"/{SERVICE}", data=user.purged_by(SERVICE), key=user.deletion_id
        )
        await self._publisher.publish([done])
