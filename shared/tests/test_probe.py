"""Questions that may never be answered."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, get_ident

import pytest

from delinkcious.probe import Probe
from delinkcious.testing.waiting import wait_until


class Oracle:
    """Answers when it is let, and counts."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = Event()
        self.error: Exception | None = None
        self.threads: set[int] = set()

    def __call__(self) -> None:
        self.asked += 1
        self.threads.add(get_ident())
        self.may_answer.wait()
        if self.error is not None:
            raise self.error


@pytest.fixture
def oracle() -> Iterator[Oracle]:
    oracle = Oracle()
    yield oracle
    oracle.may_answer.set()


def test_an_answer_is_passed_on_and_asked_for_each_time(oracle: Oracle) -> None:
    oracle.may_answer.set()
    probe = Probe(oracle, timeout=10)
    probe()
    oracle.error = ValueError("no")
    with pytest.raises(ValueError, match="no"):
        probe()
    assert oracle.asked == 2
    assert get_ident() not in oracle.threads


def test_who_asks_while_a_question_hangs_waits_for_the_same_answer(oracle: Oracle) -> None:
    probe = Probe(oracle, timeout=0.02)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            probe()
    assert oracle.asked == 1


def test_all_who_wait_get_the_answer(oracle: Oracle) -> None:
    probe = Probe(oracle, timeout=10)
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(probe) for _ in range(3)]
        oracle.error = ValueError("no")
        oracle.may_answer.set()
        assert [type(done.exception()) for done in waiting] == [ValueError] * 3


def test_it_asks_again_when_what_hung_has_answered(oracle: Oracle) -> None:
    probe = Probe(oracle, timeout=0.02)
    assert not answers(probe)
    oracle.may_answer.set()
    wait_until(lambda: answers(probe) and oracle.asked > 1)


def answers(probe: Probe) -> bool:
    try:
        probe()
    except TimeoutError:
        return False
    return True
