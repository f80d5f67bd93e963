"""Files that change while a process runs: secrets and certificates that are renewed.

One thread of the process looks at them once a second; what they hold is read anew when one of them
is another file than before, as after a rename, a write, or Kubernetes' swap of a link. Whoever
needs it reads an attribute: no request touches the disk. What cannot be used changes nothing.
"""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Generic, TypeVar
from weakref import WeakSet

import structlog
from prometheus_client import Counter

from delinkcious.config import ConfigurationError

logger = structlog.get_logger()

T = TypeVar("T")

INTERVAL: Final = 1.0
"""Seconds between two looks."""

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
        _watcher.add(self)

    def look(self) -> None:
        """Reads the files again if they have changed."""
        state = _state(self._paths)
        if state == self._seen:
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


class _Watcher:
    """The thread that looks; it begins with the first file and ends with the process."""

    def __init__(self) -> None:
        self._watched: WeakSet[Watched[Any]] = WeakSet()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, watched: Watched[Any]) -> None:
        with self._lock:
            self._watched.add(watched)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            time.sleep(INTERVAL)
            with self._lock:
                watched = list(self._watched)
            for each in watched:
                each.look()


_watcher: Final = _Watcher()


def _state(paths: Sequence[Path]) -> _State:
    return tuple(map(_identity, paths))


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
