"""The worker's broom."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from delinkcious.errors import Unavailable
from delinkcious.testing.waiting import eventually
from user_service.cleaning import BATCH, Cleaner


@asynccontextmanager
async def cleaning(delete_expired: Callable[[int], int], interval: float) -> AsyncIterator[None]:
    stop = asyncio.Event()
    running = asyncio.create_task(Cleaner(delete_expired, interval=interval).run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(running, 5)


async def test_it_goes_on_at_once_while_there_is_more_to_do() -> None:
    left = [BATCH * 2 + 1]

    def delete_expired(limit: int) -> int:
        deleted = min(limit, left[0])
        left[0] -= deleted
        return deleted

    async with cleaning(delete_expired, interval=3600):
        await eventually(lambda: left[0] == 0)


async def test_it_comes_back_after_a_while() -> None:
    rounds: list[int] = []

    def delete_expired(limit: int) -> int:
        rounds.append(limit)
        return 0

    async with cleaning(delete_expired, interval=0.001):
        await eventually(lambda: len(rounds) > 3)
    assert set(rounds) == {BATCH}


async def test_it_outlasts_a_database_that_is_away() -> None:
    rounds: list[int] = []

    def delete_expired(limit: int) -> int:
        rounds.append(limit)
        if len(rounds) == 1:
            raise Unavailable("user-db does not answer.")
        return 0

    async with cleaning(delete_expired, interval=0.001):
        await eventually(lambda: len(rounds) > 1)
