"""Jobs of one key run one after the other, jobs of different keys side by side."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

Job = Callable[[], Awaitable[None]]


class Lanes:
    """Runs jobs in the background: in order for each key, and so many at once."""

    def __init__(self, concurrency: int) -> None:
        self._slots = asyncio.Semaphore(concurrency)
        self._lanes: dict[str, deque[Job]] = {}
        self._running: set[asyncio.Task[None]] = set()

    def add(self, key: str, job: Job) -> None:
        """Runs a job, which must not raise, after those of the same key."""
        if key in self._lanes:
            self._lanes[key].append(job)
            return
        self._lanes[key] = deque([job])
        task = asyncio.create_task(self._run(key))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, key: str) -> None:
        lane = self._lanes[key]
        try:
            while lane:
                async with self._slots:
                    if lane:  # may have been dropped while we waited
                        await lane.popleft()()
        finally:
            del self._lanes[key]

    def drop(self) -> None:
        """Forgets the jobs that have not begun."""
        for lane in self._lanes.values():
            lane.clear()

    async def finish(self, seconds: float) -> None:
        """Waits so long for all jobs to end, then cancels the rest."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
