"""Whether a process is ready, and why not."""

import pytest

from delinkcious.health import Dependency, Health, NotReady


def there() -> None:
    """A dependency that is there."""


def gone() -> None:
    raise NotReady("it is gone")


@pytest.fixture
def health() -> Health:
    """A process that has started."""
    health = Health()
    health.started()
    return health


def test_a_process_that_has_not_started_is_not_ready() -> None:
    readiness = Health().readiness()
    assert (readiness.ready, readiness.reason) == (False, "starting")


def test_a_process_that_needs_nothing_is_ready_once_started(health: Health) -> None:
    readiness = health.readiness()
    assert (readiness.ready, readiness.reason, readiness.dependencies) == (True, "", {})


def test_a_required_dependency_that_is_missing_is_the_reason(health: Health) -> None:
    health.add("database", gone)
    health.add("broker", there)
    readiness = health.readiness()
    assert (readiness.ready, readiness.reason) == (False, "database: it is gone")
    assert readiness.dependencies == {
        "database": Dependency(ok=False, required=True, detail="it is gone"),
        "broker": Dependency(ok=True, required=True, detail="ok"),
    }


def test_every_required_dependency_that_is_missing_is_named(health: Health) -> None:
    health.add("database", gone)
    health.add("broker", gone)
    assert health.readiness().reason == "database: it is gone, broker: it is gone"


def test_what_is_not_required_is_reported_and_harms_nobody(health: Health) -> None:
    health.add("news", gone, required=False)
    readiness = health.readiness()
    assert readiness.ready
    assert readiness.dependencies["news"] == Dependency(
        ok=False, required=False, detail="it is gone"
    )


def test_a_dependency_that_comes_back_makes_the_process_ready(health: Health) -> None:
    answers = [gone, there]
    health.add("database", lambda: answers.pop(0)())
    assert [health.readiness().ready for _ in range(2)] == [False, True]


def test_a_process_that_is_stopping_is_not_ready_whatever_is_there(health: Health) -> None:
    health.add("database", there)
    health.drain()
    readiness = health.readiness()
    assert (readiness.ready, readiness.reason) == (False, "draining: the process is stopping")
    assert health.draining


def test_a_process_that_stops_while_it_starts_is_draining() -> None:
    health = Health()
    health.drain()
    assert health.readiness().reason.startswith("draining")


def test_whatever_a_check_raises_is_a_reason_in_one_line(health: Health) -> None:
    def fails() -> None:
        raise ValueError("first\n  second" + "!" * 1000)

    def says_nothing() -> None:
        raise TimeoutError

    health.add("database", fails)
    health.add("broker", says_nothing)
    details = [dependency.detail for dependency in health.readiness().dependencies.values()]
    assert details[0].startswith("first second!")
    assert len(details[0]) == 200
    assert details[1] == "TimeoutError"


def test_a_dependency_may_be_added_while_the_others_are_asked(health: Health) -> None:
    """A probe may come while a role is still registering what it needs."""
    health.add("database", lambda: health.add("broker", there))
    assert health.readiness().ready
    assert set(health.readiness().dependencies) == {"database", "broker"}
