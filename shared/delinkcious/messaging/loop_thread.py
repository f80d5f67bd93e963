"""An event loop of its own in a daemon thread, for processes that serve with threads."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from delinkcious.errors import Unavailable

T = TypeVar("T")

_CANCELLING: Final = 1
_STOPPING: Final = 2


class LoopThread:
    """Runs coroutines for other threads, between `start` and `stop`; may be started again."""

    def __init__(self, name: str) -> None:
        """Takes the thread's name."""
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether it takes work."""
        return self._loop is not None

    def start(self) -> None:
        """Starts the thread."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=_run, args=(loop,), name=self._name, daemon=True)
        thread.start()
        self._loop, self._thread = loop, thread

    def stop(self) -> None:
        """Ends the thread, with whatever is left in it."""
        loop, self._loop = self._loop, None
        if loop is not None and self._thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join(_STOPPING)

    def submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Runs it in the background, in the caller's context and so in its span.

        Raises:
            Unavailable: the thread does not run.
        """
        if self._loop is None:
            work.close()
            raise Unavailable("The thread for it is not running.")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Has the loop call it, if it runs."""
        loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(callback)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
        if left := asyncio.all_tasks(loop):
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.wait(left, timeout=_CANCELLING))
    finally:
        loop.close()
