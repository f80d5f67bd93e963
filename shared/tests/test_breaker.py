"""The circuit breaker that every client shares."""

from contextlib import suppress
from threading import Barrier, Thread

import pytest
from structlog.testing import capture_logs

from delinkcious.breaker import Breaker
from delinkcious.errors import NotFound, Unavailable
from delinkcious.testing.measured import measured
from delinkcious.testing.waiting import wait_until


class Failure(Exception):
    """The peer did not answer."""


@pytest.fixture
def breaker() -> Breaker:
    return Breaker("peer", failures=2, seconds=0.1, on=(Failure,))


def fail(breaker: Breaker) -> None:
    with pytest.raises(Failure), breaker.guard():
        raise Failure


def is_open() -> bool:
    return measured("delinkcious_circuit_breaker_open", peer="peer") == 1


def closes(breaker: Breaker) -> bool:
    try:
        with breaker.guard():
            return True
    except Unavailable:
        return False


def test_calls_pass_and_their_errors_too(breaker: Breaker) -> None:
    with breaker.guard():
        pass
    fail(breaker)


def test_it_opens_after_so_many_failures_in_a_row(breaker: Breaker) -> None:
    fail(breaker)
    fail(breaker)
    with pytest.raises(Unavailable, match="peer does not answer") as refused, breaker.guard():
        pytest.fail("it was called")
    assert refused.value.retry_after == 0.1
    assert is_open()


def test_a_call_that_fails_after_others_have_opened_it_fails_as_it_did(breaker: Breaker) -> None:
    """It began while the breaker was closed, and took longer than they."""

    def call() -> None:
        with breaker.guard():
            fail(breaker)
            fail(breaker)
            assert is_open()
            raise Failure

    with pytest.raises(Failure):
        call()


def test_a_success_between_keeps_it_closed(breaker: Breaker) -> None:
    fail(breaker)
    with breaker.guard():
        pass
    fail(breaker)
    assert not is_open()


def test_an_error_that_is_an_answer_is_no_failure(breaker: Breaker) -> None:
    for _ in range(5):
        with pytest.raises(NotFound), breaker.guard():
            raise NotFound("no")
    assert not is_open()


def test_it_closes_when_the_peer_answers_again(breaker: Breaker) -> None:
    fail(breaker)
    fail(breaker)
    wait_until(lambda: closes(breaker), 5)
    assert not is_open()


def test_a_call_that_fails_after_the_pause_opens_it_again(breaker: Breaker) -> None:
    fail(breaker)
    fail(breaker)

    def tried_again() -> bool:
        with pytest.raises((Failure, Unavailable)) as error, breaker.guard():
            raise Failure
        return error.type is Failure

    wait_until(tried_again, 5)
    assert is_open()


def test_while_one_call_tries_again_the_others_are_refused(breaker: Breaker) -> None:
    """A peer that hangs would hold up every thread once in each pause."""
    fail(breaker)
    fail(breaker)
    refused = []

    def tries() -> bool:
        with suppress(Unavailable), breaker.guard():
            for _ in range(3):
                with pytest.raises(Unavailable) as error, breaker.guard():
                    pytest.fail("it was called")
                refused.append(error.value)
        return bool(refused)

    wait_until(tries, 5)
    assert len(refused) == 3
    with breaker.guard():
        pass


def test_a_call_that_tried_in_vain_lets_the_next_one_try(breaker: Breaker) -> None:
    fail(breaker)
    fail(breaker)
    attempts = []

    def tries() -> bool:
        with suppress(Failure, Unavailable), breaker.guard():
            attempts.append(1)
            raise Failure
        return len(attempts) == 2

    wait_until(tries, 5)


def test_what_becomes_of_it_is_logged(breaker: Breaker) -> None:
    with capture_logs() as logs:
        fail(breaker)
        fail(breaker)
        wait_until(lambda: closes(breaker), 5)
    assert [(log["peer"], log["now"]) for log in logs] == [
        ("peer", "open"),
        ("peer", "half-open"),
        ("peer", "closed"),
    ]


def test_threads_do_not_wait_for_one_another(breaker: Breaker) -> None:
    """Each call ends only once both are under way."""
    together = Barrier(2, timeout=5)

    def call() -> None:
        with breaker.guard():
            together.wait()

    threads = [Thread(target=call) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not together.broken
