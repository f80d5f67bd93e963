"""How often a client tries."""

from threading import Event

import pytest

from delinkcious.policy import Policy


class Peer:
    """Fails so many times, then answers."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls = 0

    def call(self) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise ConnectionError("gone")
        return "answer"


def always(_error: Exception) -> bool:
    return True


def never(_error: Exception) -> bool:
    return False


def test_a_call_that_succeeds_is_made_once() -> None:
    peer = Peer(failures=0)
    assert Policy().attempt(peer.call, always) == "answer"
    assert peer.calls == 1


def test_a_call_that_may_be_repeated_is() -> None:
    peer = Peer(failures=2)
    assert Policy(attempts=3).attempt(peer.call, always) == "answer"


def test_it_gives_up_after_so_many_attempts_with_the_last_error() -> None:
    peer = Peer(failures=9)
    with pytest.raises(ConnectionError):
        Policy(attempts=3).attempt(peer.call, always)
    assert peer.calls == 3


@pytest.mark.parametrize(
    ("policy", "repeatable"), [(Policy(), never), (Policy(attempts=1), always)]
)
def test_a_call_that_may_not_be_repeated_is_made_once(policy: Policy, repeatable: object) -> None:
    peer = Peer(failures=1)
    with pytest.raises(ConnectionError):
        policy.attempt(peer.call, repeatable)  # type: ignore[arg-type]
    assert peer.calls == 1


def test_who_waits_for_a_peer_that_is_silent_waits_for_two_timeouts_at_most() -> None:
    """Whoever asked would have gone before a third was over."""
    peer, policy = Peer(failures=9), Policy(attempts=3, timeout=0.1)

    def call() -> str:
        Event().wait(policy.timeout)
        return peer.call()

    with pytest.raises(ConnectionError):
        policy.attempt(call, always)
    assert peer.calls == 2
