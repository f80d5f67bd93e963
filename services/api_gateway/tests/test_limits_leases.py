"""Limits that are spent in one process and counted for all of them."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Barrier, BrokenBarrierError, Event, Thread

import pytest
from limits import RateLimitItem
from structlog.testing import capture_logs

from api_gateway.limits import rate
from api_gateway.limits_counters import CountersAway, Grant
from api_gateway.limits_leases import Leases, Spent
from delinkcious.testing.measured import measured
from delinkcious.testing.waiting import wait_until

LARGE = rate("1000/minute")
SMALL = rate("5/minute")


class FixedCounters:
    """Limits of a window that never ends, and what has been asked of them."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.asked = 0
        self.is_away = False
        self.free = Event()
        self.free.set()
        self.crowd = Barrier(1)
        """Calls wait for so many at a time, if as many come."""

    def take(self, limit: RateLimitItem, name: str, whose: str, wanted: int) -> Grant:
        self.free.wait(10)
        with suppress(BrokenBarrierError):
            self.crowd.wait()
        self.asked += 1
        self.check()
        taken = min(wanted, limit.amount - self.taken[whose])
        self.taken[whose] += taken
        return Grant(taken, limit.amount - self.taken[whose], 30.0)

    def check(self) -> None:
        if self.is_away:
            raise CountersAway("Connection refused")


@pytest.fixture
def counters() -> FixedCounters:
    return FixedCounters()


@pytest.fixture
def now() -> list[float]:
    return [1000.0]


@pytest.fixture
def leases(counters: FixedCounters, now: list[float]) -> Leases:
    return Leases(counters, clock=lambda: now[0])


def admitted(leases: Leases, limit: RateLimitItem, times: int, whose: str = "alice") -> int:
    return sum(_spends(leases, limit, whose) for _ in range(times))


def burst(leases: Leases, times: int) -> list[bool]:
    """Spends of one lease in as many threads, and tells which of them could."""
    spent: list[bool] = []
    threads = [
        Thread(target=lambda: spent.append(_spends(leases, LARGE, "alice"))) for _ in range(times)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return spent


def _spends(leases: Leases, limit: RateLimitItem, whose: str) -> bool:
    try:
        leases.spend("user", limit, whose)
    except Spent:
        return False
    return True


def test_no_more_is_admitted_than_the_limit_and_all_of_it(leases: Leases) -> None:
    assert admitted(leases, LARGE, 3000) == 1000
    assert admitted(leases, SMALL, 20, "bob") == 5


def test_what_is_admitted_is_asked_for_a_few_times_and_what_is_refused_not_at_all(
    leases: Leases, counters: FixedCounters
) -> None:
    admitted(leases, LARGE, 1000)
    assert counters.asked <= 9
    asked = counters.asked
    assert admitted(leases, LARGE, 1000) == 0
    assert counters.asked <= asked + 1


def test_processes_share_a_limit(counters: FixedCounters) -> None:
    processes = [Leases(counters) for _ in range(3)]
    total = sum(admitted(processes[turn % 3], LARGE, 1) for turn in range(3000))
    assert total == 1000


def test_small_limits_are_exact_over_all_processes(counters: FixedCounters) -> None:
    processes = [Leases(counters) for _ in range(3)]
    assert [admitted(processes[turn % 3], SMALL, 1) for turn in range(9)] == [1] * 5 + [0] * 4


def test_limits_of_others_are_others(leases: Leases) -> None:
    assert admitted(leases, SMALL, 9, "alice") == 5
    assert admitted(leases, SMALL, 9, "bob") == 5


def test_who_is_refused_is_told_until_when_and_admitted_then(
    leases: Leases, counters: FixedCounters, now: list[float]
) -> None:
    admitted(leases, SMALL, 5)
    with pytest.raises(Spent) as refused:
        leases.spend("user", SMALL, "alice")
    assert refused.value.seconds == 30
    counters.taken.clear()
    now[0] += 30
    assert admitted(leases, SMALL, 9) == 5


def test_what_was_leased_is_good_for_one_window_only(
    leases: Leases, counters: FixedCounters, now: list[float]
) -> None:
    admitted(leases, LARGE, 10)
    counters.taken["alice"] = 1000
    now[0] += 61
    assert admitted(leases, LARGE, 10) == 1  # the one in advance


def test_a_limit_that_changes_holds_at_once(leases: Leases) -> None:
    assert admitted(leases, SMALL, 9) == 5
    assert admitted(leases, rate("7/minute"), 9) == 2
    assert admitted(leases, rate("1000/minute"), 9) == 9
    assert admitted(leases, SMALL, 9) == 0


def test_only_so_many_leases_are_kept(counters: FixedCounters) -> None:
    leases = Leases(counters, size=10)
    for number in range(100):
        leases.spend("address", LARGE, str(number))
    assert len(leases._leases) == 10


def test_it_says_what_is_left_of_which_policy(leases: Leases, now: list[float]) -> None:
    lease = leases.spend("user", LARGE, "alice")
    assert lease is not None
    assert lease.policy == '"user";q=1000;w=60'
    assert lease.state(now[0]) == '"user";r=999;t=31'


@pytest.fixture
def started(counters: FixedCounters, monkeypatch: pytest.MonkeyPatch) -> Leases:
    monkeypatch.setattr("api_gateway.limits_leases._PROBE", 0.01)
    leases = Leases(counters)
    leases.start()
    return leases


def test_nobody_waits_for_the_first_lease(started: Leases, counters: FixedCounters) -> None:
    counters.free.clear()
    assert admitted(started, LARGE, 1) == 1
    counters.free.set()
    wait_until(lambda: counters.taken["alice"] > 1)


def test_nobody_waits_for_more_while_there_is_some(
    started: Leases, counters: FixedCounters
) -> None:
    admitted(started, LARGE, 1)
    wait_until(lambda: counters.taken["alice"] == 51)
    counters.free.clear()
    assert admitted(started, LARGE, 50) == 50
    counters.free.set()


def is_open() -> bool:
    return measured("delinkcious_rate_limits_open") == 1


@pytest.fixture(params=[LARGE, SMALL], ids=["leased", "exact"])
def away(
    request: pytest.FixtureRequest, started: Leases, counters: FixedCounters
) -> Iterator[Callable[[int], int]]:
    counters.is_away = True
    limit: RateLimitItem = request.param
    yield lambda times: admitted(started, limit, times)
    counters.is_away = False
    wait_until(lambda: not is_open())


def test_without_counters_all_are_admitted_which_is_said_once_and_measured(
    away: Callable[[int], int],
) -> None:
    with capture_logs() as lines:
        away(1)
        wait_until(is_open)
        assert away(5000) == 5000
    assert [(line["event"], line["reason"]) for line in lines] == [
        ("rate_limits_open", "Connection refused")
    ]


def test_limits_hold_again_by_themselves_when_counters_are_back(
    away: Callable[[int], int], counters: FixedCounters
) -> None:
    away(1)
    wait_until(is_open)
    with capture_logs() as lines:
        counters.is_away = False
        wait_until(lambda: not is_open())
    assert [line["event"] for line in lines] == ["rate_limits_back"]
    assert away(5000) < 5000


def test_a_burst_takes_once_and_not_once_for_each_of_it(
    leases: Leases, counters: FixedCounters
) -> None:
    """Each would take as much as is there for many, and the last ones be refused for it."""
    counters.crowd = Barrier(40, timeout=0.2)
    assert burst(leases, 40) == [True] * 40
    assert counters.asked <= 2


def test_a_burst_that_finds_nothing_left_asks_once(leases: Leases, counters: FixedCounters) -> None:
    counters.taken["alice"] = LARGE.amount
    counters.crowd = Barrier(40, timeout=0.2)
    assert sorted(burst(leases, 40)) == [False] * 39 + [True]  # one, before anything is known
    assert counters.asked <= 2


def test_a_burst_finds_out_once_that_counters_are_away(
    leases: Leases, counters: FixedCounters
) -> None:
    counters.is_away = True
    counters.crowd = Barrier(40, timeout=0.2)
    assert burst(leases, 40) == [True] * 40
    assert counters.asked <= 2


def test_threads_together_get_no_more_than_the_limit(leases: Leases) -> None:
    counts: list[int] = []
    threads = [Thread(target=lambda: counts.append(admitted(leases, LARGE, 500))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 1000
