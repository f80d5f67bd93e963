import time
from types import SimpleNamespace
from typing import Any

import pytest

from tools.local_stack.backoff import LONGEST, STEADY, Backoff


class Process:
    """What supervisor shows of a program."""

    def __init__(self, backoff: Backoff) -> None:
        self.config = SimpleNamespace(name="news-manager-work", autorestart=True)
        self.laststart = time.time()
        self.delay = 0.0
        self._backoff = backoff

    def change_state(self, _state: object) -> None:
        self._backoff.on_backoff(SimpleNamespace(process=self))

    def ends(self, age: float = 0) -> int:
        """End at this age, and return the seconds until the next start."""
        self.delay = 0
        self.laststart = time.time() - age
        event: Any = SimpleNamespace(process=self)
        self._backoff.on_exit(event)
        return round(self.delay - time.time()) if self.delay else 0


@pytest.fixture
def process() -> Process:
    return Process(Backoff())


def test_the_first_restart_is_at_once(process: Process) -> None:
    assert process.ends() == 0


def test_each_restart_waits_longer_up_to_a_limit(process: Process) -> None:
    waits = [process.ends() for _ in range(LONGEST + 3)]
    assert waits == [0, *range(1, LONGEST), LONGEST, LONGEST, LONGEST]


def test_a_program_that_ran_well_is_restarted_at_once_again(process: Process) -> None:
    process.ends()
    process.ends()
    assert process.ends(age=STEADY + 1) == 0
    assert process.ends() == 0


def test_a_program_that_ended_for_good_does_not_wait(process: Process) -> None:
    process.config.autorestart = False
    assert [process.ends(), process.ends()] == [0, 0]
