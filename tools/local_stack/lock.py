"""Only one stack may use a folder at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InUse(Exception):
    """A stack runs in this folder; the message is who runs it."""


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Hold the folder while the context lasts; the kernel lets go of it however this process ends.

    Raises InUse when another process holds it.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (directory / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise InUse(file.read().strip()) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
