"""Places for what takes long, so that it never takes all threads of a server.

An upload or a download lasts as long as its client wants; a few slow ones must not keep everybody
else from being answered.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

from delinkcious.errors import DelinkciousError, ResourceExhausted, Unavailable

_RETRY_AFTER: Final = 5


class Slots:
    """Safe to share between threads.

    Args:
        total: how many there are.
        each: how many of them one user may have at a time.
        what: what takes so long, in a word.
        full: what is raised when all are taken. A service that others call answers so, and is not
            to be taken for one that fails (`Unavailable` opens the breakers of its callers).
    """

    def __init__(
        self,
        total: int,
        each: int,
        what: str = "uploads and downloads",
        full: type[DelinkciousError] = Unavailable,
    ) -> None:
        self._total = total
        self._each = each
        self._what = what
        self._full = full
        self._taken: Counter[str] = Counter()
        self._lock = Lock()

    @contextmanager
    def one_for(self, user: str) -> Iterator[None]:
        """Runs a block in a place.

        Raises:
            ResourceExhausted: the user has as many as one may have.
            DelinkciousError: all are taken.
        """
        self._take(user)
        try:
            yield
        finally:
            self._give_back(user)

    def _take(self, user: str) -> None:
        with self._lock:
            if self._taken[user] >= self._each:
                raise ResourceExhausted(
                    f"You have {self._each} {self._what} under way; wait for one to end.",
                    retry_after=_RETRY_AFTER,
                )
            if self._taken.total() >= self._total:
                raise self._full(f"Too many {self._what} are under way.", retry_after=_RETRY_AFTER)
            self._taken[user] += 1

    def _give_back(self, user: str) -> None:
        with self._lock:
            self._taken[user] -= 1
            self._taken += Counter()  # keeps those only that have any
