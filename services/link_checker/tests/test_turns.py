"""A few checks of each host at once, with pauses; and nobody waits for somebody else's host."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing

import pytest

from delinkcious.errors import Unavailable
from delinkcious.testing.waiting import eventually
from link_checker.domain import Finding, Outcome
from link_checker.turns import Turns
from link_checker.worker import CheckPool

from .conftest import NewChecker
from .website import Website

FOUND = Finding(Outcome.OK, 200)
SLOW, FAST = "https://slow.example/", "https://fast.example/"


class Checks:
    """Checks that end when they are told to, those of fast hosts at once."""

    def __init__(self) -> None:
        self.running: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.end = asyncio.Event()

    async def __call__(self, url: str, title_wanted: bool = False) -> Finding:
        host = url.split("/")[2]
        self.running[host] += 1
        self.most[host] = max(self.most[host], self.running[host])
        try:
            if "slow" in host:
                await self.end.wait()
        finally:
            self.running[host] -= 1
        self.done[host] += 1
        return FOUND


class Pauses:
    """Pauses that are over when they are told to be."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def __call__(self, seconds: float, call: Callable[[], None]) -> None:
        self.waiting.append((seconds, call))

    def end(self) -> None:
        waiting, self.waiting = self.waiting, []
        for _, call in waiting:
            call()


@pytest.fixture
async def checks() -> Checks:
    return Checks()


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


def turns(checks: Checks, pauses: Pauses, *, at_once: int = 100, patience: float = 60) -> Turns:
    return Turns(checks, at_once=at_once, per_host=2, pause=0.25, patience=patience, later=pauses)


def ask(turns: Turns, url: str, number: int) -> list["asyncio.Task[Finding]"]:
    return [asyncio.create_task(turns.check(f"{url}{n}")) for n in range(number)]


async def settle() -> None:
    """Lets everything happen that can without waiting."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_host_has_so_many_checks_at_once(checks: Checks, pauses: Pauses) -> None:
    waiting = ask(turns(checks, pauses), SLOW, 5)
    await settle()
    assert checks.running["slow.example"] == 2
    checks.end.set()
    for done in (2, 4, 5):
        await settle()
        assert checks.done["slow.example"] == done
        pauses.end()
    assert await asyncio.gather(*waiting) == [FOUND] * 5
    assert checks.most["slow.example"] == 2


async def test_there_is_a_pause_before_the_next(checks: Checks, pauses: Pauses) -> None:
    waiting = ask(turns(checks, pauses), FAST, 3)
    await settle()
    assert checks.done["fast.example"] == 2
    assert [seconds for seconds, _ in pauses.waiting] == [0.25, 0.25]
    pauses.end()
    await asyncio.gather(*waiting)


async def test_hosts_do_not_wait_for_each_other(checks: Checks, pauses: Pauses) -> None:
    """Even if there are many more requests for the slow one than checks at once."""
    patient = turns(checks, pauses, at_once=3)
    slow = ask(patient, SLOW, 100)
    fast = [asyncio.create_task(patient.check(f"https://{n}.example/")) for n in range(100)]
    assert await asyncio.gather(*fast) == [FOUND] * 100
    assert checks.done["slow.example"] == 0
    for task in slow:
        task.cancel()


async def test_schemes_and_spellings_of_a_host_share_its_places(
    checks: Checks, pauses: Pauses
) -> None:
    patient = turns(checks, pauses)
    urls = ["http://fast.example:80/", "https://FAST.example:443/", "https://fast.example/x"]
    urls += ["https://fast.example:8443/"]
    waiting = [asyncio.create_task(patient.check(url)) for url in urls]
    await settle()
    assert [task.done() for task in waiting] == [True, True, False, True]
    pauses.end()
    await asyncio.gather(*waiting)


async def test_so_many_checks_run_at_once_of_all_hosts(checks: Checks, pauses: Pauses) -> None:
    patient = turns(checks, pauses, at_once=3)
    waiting = [asyncio.create_task(patient.check(f"https://slow-{n}.example/")) for n in range(9)]
    await settle()
    assert checks.running.total() == 3
    checks.end.set()
    await asyncio.gather(*waiting)


async def test_who_waited_too_long_comes_again_and_leaves_no_trace(
    checks: Checks, pauses: Pauses
) -> None:
    hasty = turns(checks, pauses, patience=0.05)
    first = ask(hasty, SLOW, 2)
    await settle()
    with pytest.raises(Unavailable, match=r"slow\.example is busy"):
        await hasty.check(SLOW)
    checks.end.set()
    await asyncio.gather(*first)
    pauses.end()
    assert await hasty.check(SLOW) is FOUND


async def test_a_check_that_fails_or_is_broken_off_gives_its_place_back(pauses: Pauses) -> None:
    calls = 0

    async def fails(url: str, title_wanted: bool) -> Finding:
        nonlocal calls
        calls += 1
        raise Unavailable("no")

    failing = Turns(fails, at_once=1, per_host=1, pause=0, later=pauses)
    for number in range(3):
        with pytest.raises(Unavailable, match="no"):
            await failing.check(FAST)
        pauses.end()
        assert calls == number + 1


async def test_hosts_are_forgotten_when_nobody_is_there(checks: Checks, pauses: Pauses) -> None:
    patient = turns(checks, pauses)
    await asyncio.gather(*ask(patient, FAST, 2))
    assert patient.hosts == {"fast.example"}
    pauses.end()
    assert patient.hosts == set()


async def test_what_is_no_url_waits_for_nobody(checks: Checks, pauses: Pauses) -> None:
    found: list[str] = []

    async def check(url: str, title_wanted: bool) -> Finding:
        found.append(url)
        return Finding(Outcome.INVALID_URL)

    patient = Turns(check, at_once=1, per_host=1, pause=1, later=pauses)
    for url in ("nonsense", "ftp://x.example/", "nonsense"):
        assert (await patient.check(url)).outcome is Outcome.INVALID_URL
    assert found == ["nonsense", "ftp://x.example/", "nonsense"]
    assert pauses.waiting == []


async def test_a_server_that_hangs_holds_up_no_other(
    website: Website, new_checker: NewChecker, stop: threading.Event
) -> None:
    """Two real servers, of which one never answers."""
    other = Website()
    with closing(other), CheckPool(new_checker(timeout=30), 4, stop) as pool:
        patient = Turns(pool.check, at_once=4, per_host=2, pause=0)
        hanging = ask(patient, website.url("/held/"), 50)
        await eventually(lambda: website.requests)
        found = await asyncio.wait_for(asyncio.gather(*ask(patient, other.url("/?"), 20)), 10)
        assert {finding.http_status for finding in found} == {200}
        assert not any(task.done() for task in hanging)
        for task in hanging:
            task.cancel()
