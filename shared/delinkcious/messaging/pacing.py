"""How long to wait, and how to stop waiting: backoff with jitter, and stop events."""

import asyncio
import random
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with jitter, in seconds."""

    base: float
    cap: float

    def delay(self, failures: int) -> float:
        """Returns how long to wait after so many failures in a row, counted from 1.

        Between half and all of the exponential delay: many who fail together do not come back
        together.
        """
        longest = min(self.cap, self.base * 2.0 ** min(failures - 1, 32))
        return longest * random.uniform(0.5, 1)  # noqa: S311 - jitter is no secret


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Waits so long, or until stopped."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """Returns the result of the work, or None when stopped first; the work is then cancelled."""
    working, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        stopped.cancel()
        while not working.done():
            working.cancel()  # again if need be: nats-py swallows a cancellation at times
            await asyncio.wait({working}, timeout=0.1)
        await asyncio.gather(working, stopped, return_exceptions=True)
