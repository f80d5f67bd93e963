"""Jobs in lanes: in order for each key, side by side otherwise."""

import asyncio
from functools import partial

import pytest

from delinkcious.messaging.lanes import Lanes
from delinkcious.testing.waiting import eventually


class Jobs:
    """Jobs that end when they are told to."""

    def __init__(self) -> None:
        self.running: list[str] = []
        self.ended: list[str] = []
        self._gates: dict[str, asyncio.Event] = {}

    async def run(self, name: str) -> None:
        self.running.append(name)
        await self._gate(name).wait()
        self.running.remove(name)
        self.ended.append(name)

    def release(self, *names: str) -> None:
        for name in names:
            self._gate(name).set()

    def _gate(self, name: str) -> asyncio.Event:
        return self._gates.setdefault(name, asyncio.Event())


@pytest.fixture
def jobs() -> Jobs:
    return Jobs()


def add(lanes: Lanes, jobs: Jobs, *names: str) -> None:
    """Adds jobs such as ``a1`` under the key ``a``."""
    for name in names:
        lanes.add(name[0], partial(jobs.run, name))


async def test_jobs_of_one_key_run_one_after_the_other(jobs: Jobs) -> None:
    lanes = Lanes(concurrency=10)
    add(lanes, jobs, "a1", "a2", "a3")
    await eventually(lambda: jobs.running == ["a1"])
    jobs.release("a3", "a2", "a1")
    await lanes.finish(1)
    assert jobs.ended == ["a1", "a2", "a3"]


async def test_jobs_of_different_keys_run_side_by_side(jobs: Jobs) -> None:
    lanes = Lanes(concurrency=10)
    add(lanes, jobs, "a1", "a2", "b1", "c1")
    await eventually(lambda: jobs.running == ["a1", "b1", "c1"])
    jobs.release("a1", "a2", "b1", "c1")
    await lanes.finish(1)


async def test_no_more_jobs_run_at_once_than_allowed(jobs: Jobs) -> None:
    lanes = Lanes(concurrency=2)
    add(lanes, jobs, "a1", "b1", "c1", "d1")
    await eventually(lambda: len(jobs.running) == 2)
    jobs.release("a1")
    await eventually(lambda: jobs.running == ["b1", "c1"])
    jobs.release("b1", "c1", "d1")
    await lanes.finish(1)
    assert len(jobs.ended) == 4


async def test_a_key_can_be_used_again_after_its_jobs_ended(jobs: Jobs) -> None:
    lanes = Lanes(concurrency=1)
    jobs.release("a1", "a2")
    for name in ("a1", "a2"):
        add(lanes, jobs, name)
        await lanes.finish(1)
    assert jobs.ended == ["a1", "a2"]


async def test_dropped_jobs_do_not_begin(jobs: Jobs) -> None:
    lanes = Lanes(concurrency=1)
    add(lanes, jobs, "a1", "a2", "b1")
    await eventually(lambda: jobs.running == ["a1"])
    lanes.drop()
    jobs.release("a1", "a2", "b1")
    await lanes.finish(1)
    assert jobs.ended == ["a1"]


async def test_what_does_not_end_in_time_is_cancelled(jobs: Jobs) -> None:
    lanes = Lanes(concurrency=2)
    add(lanes, jobs, "a1", "b1", "b2")
    await eventually(lambda: len(jobs.running) == 2)
    jobs.release("a1")
    await lanes.finish(0.05)
    assert jobs.ended == ["a1"]
