"""Places for what takes long."""

from contextlib import ExitStack
from threading import Barrier, Thread

import pytest

from delinkcious.errors import ResourceExhausted, Unavailable
from delinkcious.http.slots import Slots


def test_there_are_only_so_many() -> None:
    slots = Slots(total=2, each=2)
    with (
        slots.one_for("alice"),
        slots.one_for("bob"),
        pytest.raises(Unavailable) as raised,
        slots.one_for("carol"),
    ):
        pass
    assert raised.value.retry_after


def test_a_service_that_is_full_does_not_look_broken() -> None:
    slots = Slots(total=1, each=2, full=ResourceExhausted)
    with slots.one_for("alice"), pytest.raises(ResourceExhausted), slots.one_for("bob"):
        pass


def test_nobody_has_them_all() -> None:
    slots = Slots(total=3, each=2)
    with slots.one_for("alice"), slots.one_for("alice"):
        with pytest.raises(ResourceExhausted) as raised, slots.one_for("alice"):
            pass
        with slots.one_for("bob"):
            pass
    assert raised.value.retry_after


def test_a_place_is_free_again_whatever_happened_there() -> None:
    slots = Slots(total=1, each=1)
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), slots.one_for("alice"):
            raise error
    with slots.one_for("alice"):
        pass


def test_threads_may_share_them() -> None:
    slots = Slots(total=4, each=1)
    together = Barrier(8)
    outcomes: list[str] = []

    def try_it(user: str) -> None:
        together.wait()
        for _ in range(200):
            with ExitStack() as stack:
                try:
                    stack.enter_context(slots.one_for(user))
                except (Unavailable, ResourceExhausted) as error:
                    outcomes.append(type(error).__name__)

    threads = [Thread(target=try_it, args=[f"user-{number // 2}"]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ExitStack() as stack:
        for number in range(4):
            stack.enter_context(slots.one_for(f"user-{number}"))
