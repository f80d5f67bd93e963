"""The store of the social graph in memory: the double of `social_graph_service.postgres`.

The same contract tests run on both. One lock stands for every row lock, and a transaction that
fails puts back the state it began with.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from delinkcious.deletion import PURGED, DeletedUser
from delinkcious.errors import AlreadyExists, NotFound
from delinkcious.outbox import Entry
from social_graph_service import events

_BATCH: Final = 2


@dataclass
class _Purge:
    user: DeletedUser
    done: bool = False


class InMemoryFollowStore:
    """Keeps who follows whom in memory; see `social_graph_service.ports.FollowStore`."""

    def __init__(self) -> None:
        self.events: list[Entry] = []
        """What was published, oldest first."""
        self._follows: set[tuple[str, str]] = set()
        self._purges: dict[str, _Purge] = {}
        self._lock = threading.RLock()

    @contextmanager
    def transaction(self) -> Iterator["InMemoryFollowTransaction"]:
        with self._lock:
            before = set(self._follows), list(self.events)
            try:
                yield InMemoryFollowTransaction(self._follows, self.events, self._is_deleted)
            except BaseException:
                self._follows, self.events = before
                raise

    def get_followers(self, username: str, after: str, limit: int) -> Sequence[str]:
        with self._lock:
            names = [follower for followed, follower in self._follows if followed == username]
        return sorted(name for name in names if name > after)[:limit]

    def get_following(self, username: str, after: str, limit: int) -> Sequence[str]:
        with self._lock:
            names = [followed for followed, follower in self._follows if follower == username]
        return sorted(name for name in names if name > after)[:limit]

    def get_all_followers(self, after: str, limit: int) -> Sequence[str]:
        with self._lock:
            names = {follower for _, follower in self._follows}
        return sorted(name for name in names if name > after)[:limit]

    def purge_some(self, user: DeletedUser) -> bool:
        with self._lock:
            purge = self._purges.setdefault(user.deletion_id, _Purge(user))
            left = (
                set() if purge.done else {pair for pair in self._follows if user.username in pair}
            )
            for pair in set(islice(left, _BATCH)):
                self._follows.remove(pair)
                self.events.append(events.ended_event(*pair))
            if not left:
                purge.done = True
                told = Entry(PURGED, user.deletion_id, user.purged_by(events.SERVICE))
                self.events.append(told)
        return not left

    def _is_deleted(self, username: str) -> bool:
        now = datetime.now(UTC)
        return any(
            purge.user.username == username and (not purge.done or purge.user.until > now)
            for purge in self._purges.values()
        )


class InMemoryFollowTransaction:
    """One transaction; see `social_graph_service.ports.FollowTransaction`."""

    def __init__(
        self,
        follows: set[tuple[str, str]],
        events: list[Entry],
        is_deleted: Callable[[str], bool],
    ) -> None:
        self._follows = follows
        self._events = events
        self._is_deleted = is_deleted

    def insert(self, followed: str, follower: str) -> None:
        if self._is_deleted(followed) or self._is_deleted(follower):
            raise NotFound("There is no such account any more.")
        if (followed, follower) in self._follows:
            raise AlreadyExists(f"{follower} follows {followed} already.")
        self._follows.add((followed, follower))

    def delete(self, followed: str, follower: str) -> None:
        if (followed, follower) not in self._follows:
            raise NotFound(f"{follower} does not follow {followed}.")
        self._follows.remove((followed, follower))

    def publish(self, *events: Entry) -> None:
        self._events.extend(events)
