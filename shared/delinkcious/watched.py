"""Files that change while a process runs: secrets and certificates that are renewed.

One thread of the process looks at them once a second; what they hold is read anew when one of them
is another file than before, as after a rename, a write, or Kubernetes' swap of a link. Whoever
needs it reads an attribute: no request touches the disk. What cannot be used changes nothing.
`delinkcious.live` has its file looked at by the same thread.
"""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar
from weakref import WeakSet

import structlog
from prometheus_client import Counter

from delinkcious.config import ConfigurationError

logger = structlog.get_logger()

S = TypeVar("S")
T = TypeVar("T")

INTERVAL: Final = 1.0
"""Seconds between two looks."""
SETTLING: Final = 0.05
"""Seconds for which changed files must stay as they are: who writes them may not be done."""

RELOADS: Final = Counter(
    "delinkcious_file_reloads_total",
    "Files that changed while the process runs; outcome is ok or refused.",
    ["name", "outcome"],
)

_State = tuple[tuple[int, int, int] | None, ...]


class Watched(Generic[T]):
    """What some files hold, as long as somebody keeps this object.

    Args:
        name: what it is called in logs and metrics.
        paths: the files; any change of any of them has all of them read anew.
        read: reads them.

    Attributes:
        current: what `read` returned last.

    Raises:
        ConfigurationError: what `read` raises the first time; later, `current` stays as it was.
    """

    def __init__(self, name: str, paths: Sequence[Path], read: Callable[[], T]) -> None:
        self.name = name
        self._paths = tuple(paths)
        self._read = read
        self._seen = _state(self._paths)  # before they are read: a change meanwhile is not missed
        self.current = read()
        WATCHER.add(self)

    def look(self) -> None:
        """Reads the files again if they have changed."""
        state = changed(partial(_state, self._paths), self._seen)
        if state is None:
            return
        self._seen = state
        try:
            self.current = self._read()
        except ConfigurationError as error:
            RELOADS.labels(self.name, "refused").inc()
            logger.warning("file_refused", name=self.name, reason=str(error))
        else:
            RELOADS.labels(self.name, "ok").inc()
            logger.info("file_reloaded", name=self.name)


class Steady(Generic[T]):
    """What never changes, for those who take either."""

    def __init__(self, current: T) -> None:
        self.current = current


class Looking(Protocol):
    """Whoever looks at files, quickly."""

    def look(self) -> None:
        """Looks at them once."""


class Watcher:
    """The thread that has all of them look; it begins with the first and ends after the last."""

    def __init__(self) -> None:
        self._looking: WeakSet[Looking] = WeakSet()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, each: Looking) -> None:
        """Has somebody look again and again, as long as somebody else keeps it."""
        with self._lock:
            self._looking.add(each)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
                self._thread.start()

    def remove(self, each: Looking) -> None:
        """Has it look no more."""
        with self._lock:
            self._looking.discard(each)

    def _run(self) -> None:
        time.sleep(INTERVAL)
        while self._have_them_look():
            time.sleep(INTERVAL)

    def _have_them_look(self) -> bool:
        """Returns whether there is anybody, and keeps nobody from one time to the next."""
        with self._lock:
            looking = list(self._looking)
            if not looking:
                self._thread = None
        for each in looking:
            try:
                each.look()
            except Exception:  # or no file would ever be looked at again
                logger.exception("look_failed")
        return bool(looking)


WATCHER: Final = Watcher()


def changed(look: Callable[[], S], before: S) -> S | None:
    """Returns what there is to see, if it is not what there was and stays so for a moment."""
    seen = look()
    if seen == before:
        return None
    _settle()
    return seen if look() == seen else None


def _settle() -> None:
    time.sleep(SETTLING)


def _state(paths: Sequence[Path]) -> _State:
    return tuple(map(_identity, paths))


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
