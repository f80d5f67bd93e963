"""Folders for the data of test servers: in memory where there is room, gone when their session is.

A database of its own for each test is ten times as fast in memory. But what a killed session
leaves there would stay until the machine restarts, so every session first clears away what no
session holds.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "delinkcious-test-"
_ROOM = 1 << 30


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """A folder that lasts as long as the context, or as this process."""
    parent = parent or _fast_folder()
    clear_away(parent)
    with tempfile.TemporaryDirectory(
        prefix=_PREFIX, dir=parent, ignore_cleanup_errors=True
    ) as name:
        folder = Path(name)
        with (folder / "lock.draft").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            (folder / "lock.draft").rename(folder / "lock")
            yield folder


def clear_away(parent: Path) -> None:
    """Delete the folders here whose processes have ended: nobody holds their locks."""
    for lock in parent.glob(f"{_PREFIX}*/lock"):
        if not _held(lock):
            shutil.rmtree(lock.parent, ignore_errors=True)


def _held(lock: Path) -> bool:
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    return False


def _fast_folder() -> Path:
    memory = Path("/dev/shm")
    if "TMPDIR" in os.environ or not memory.is_dir():
        return Path(tempfile.gettempdir())
    roomy = shutil.disk_usage(memory).free >= _ROOM
    return memory if roomy else Path(tempfile.gettempdir())
