"""The store of the social graph in memory: the double of `social_graph_service.postgres`.

The same contract tests run on both. One lock stands for every row lock, and a transaction that
fails puts back the state it began with.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from delinkcious.errors import AlreadyExists, NotFound
from delinkcious.outbox import Entry


class InMemoryFollowStore:
    """Keeps who follows whom in memory; see `social_graph_service.ports.FollowStore`."""

    def __init__(self) -> None:
        self.events: list[Entry] = []
        """What was published, oldest first."""
        self._follows: set[tuple[str, str]] = set()
        self._lock = threading.RLock()

    @contextmanager
    def transaction(self) -> Iterator["InMemoryFollowTransaction"]:
        with self._lock:
            before = set(self._follows), list(self.events)
            try:
                yield InMemoryFollowTransaction(self._follows, self.events)
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


class InMemoryFollowTransaction:
    """One transaction; see `social_graph_service.ports.FollowTransaction`."""

    def __init__(self, follows: set[tuple[str, str]], events: list[Entry]) -> None:
        self._follows = follows
        self._events = events

    def insert(self, followed: str, follower: str) -> None:
        if (followed, follower) in self._follows:
            raise AlreadyExists(f"{follower} follows {followed} already.")
        self._follows.add((followed, follower))

    def delete(self, followed: str, follower: str) -> None:
        if (followed, follower) not in self._follows:
            raise NotFound(f"{follower} does not follow {followed}.")
        self._follows.remove((followed, follower))

    def publish(self, *events: Entry) -> None:
        self._events.extend(events)
