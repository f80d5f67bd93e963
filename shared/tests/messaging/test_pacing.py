"""Backoff, and waits that a stop event ends."""

import asyncio
from contextlib import suppress

import pytest

from delinkcious.messaging.pacing import Backoff, pause, unless


@pytest.mark.parametrize(("failures", "longest"), [(1, 0.5), (2, 1), (4, 4), (5, 5), (10_000, 5)])
def test_delays_grow_up_to_a_cap_with_jitter(failures: int, longest: float) -> None:
    delays = [Backoff(base=0.5, cap=5).delay(failures) for _ in range(100)]
    assert longest / 2 <= min(delays) < max(delays) <= longest


async def test_a_pause_ends_when_stopped() -> None:
    stop = asyncio.Event()
    pausing = asyncio.create_task(pause(stop, 60))
    stop.set()
    await asyncio.wait_for(pausing, 1)


async def test_a_pause_ends_by_itself() -> None:
    await asyncio.wait_for(pause(asyncio.Event(), 0.001), 1)


async def work(result: int) -> int:
    return result


async def test_work_is_done_unless_stopped() -> None:
    assert await unless(asyncio.Event(), work(3)) == 3


async def test_work_is_cancelled_when_stopped() -> None:
    stop, cancelled = asyncio.Event(), asyncio.Event()

    async def endless() -> int:
        try:
            return int(await asyncio.Event().wait())
        except asyncio.CancelledError:
            cancelled.set()
            raise

    waiting = asyncio.create_task(unless(stop, endless()))
    await asyncio.wait({waiting}, timeout=0.01)
    stop.set()
    assert await waiting is None
    assert cancelled.is_set()


async def test_work_that_swallows_a_cancellation_is_cancelled_again() -> None:
    stop = asyncio.Event()

    async def stubborn() -> int:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return int(await asyncio.Event().wait())

    waiting = asyncio.create_task(unless(stop, stubborn()))
    await asyncio.wait({waiting}, timeout=0.01)
    stop.set()
    assert await asyncio.wait_for(waiting, 5) is None


async def test_an_error_of_the_work_passes() -> None:
    async def fail() -> None:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await unless(asyncio.Event(), fail())
