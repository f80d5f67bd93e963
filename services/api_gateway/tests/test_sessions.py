"""What is remembered of tokens, and for how long."""

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api_gateway.sessions import MAX_TOKEN_LENGTH, Sessions
from api_gateway.testing import Failing
from delinkcious.errors import Unauthenticated, Unavailable
from delinkcious.object_model.users import Identity


@dataclass
class Tokens:
    """The part of a user service that knows tokens, and counts how often it is asked."""

    identities: dict[str, Identity] = field(default_factory=dict)
    asked: int = 0

    def authenticate(self, token: str) -> Identity:
        self.asked += 1
        if token not in self.identities:
            raise Unauthenticated("unknown")
        return self.identities[token]


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


ALICE = Identity("alice", None, None)


@pytest.fixture
def tokens() -> Tokens:
    return Tokens({"a": ALICE, "b": Identity("bob", None, None)})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(tokens: Any, clock: Clock) -> Sessions:
    return Sessions(tokens, seconds=5, size=3, clock=clock)


def test_the_user_service_is_asked_once_in_a_few_seconds(
    sessions: Sessions, tokens: Tokens, clock: Clock
) -> None:
    assert [sessions.identify("a") for _ in range(3)] == [ALICE] * 3
    clock.now = 4.9
    sessions.identify("a")
    assert tokens.asked == 1
    clock.now = 5.0
    sessions.identify("a")
    assert tokens.asked == 2


def test_what_is_remembered_still_answers_when_the_user_service_is_gone(
    sessions: Sessions,
) -> None:
    sessions.identify("a")
    failing: Any = Failing(Unavailable("gone"))
    sessions._users = failing
    assert sessions.identify("a") == ALICE
    with pytest.raises(Unavailable):
        sessions.identify("b")


def test_nothing_is_remembered_beyond_the_end_of_the_token(tokens: Any, clock: Clock) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=2)
    tokens.identities["short"] = Identity("alice", None, ends)
    sessions = Sessions(tokens, seconds=5, size=3, clock=clock)
    sessions.identify("short")
    clock.now = 1.5
    sessions.identify("short")
    assert tokens.asked == 1
    clock.now = 2.1
    sessions.identify("short")
    assert tokens.asked == 2


def test_a_wrong_token_is_asked_about_every_time(sessions: Sessions, tokens: Tokens) -> None:
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            sessions.identify("x")
    assert tokens.asked == 2
    tokens.identities["x"] = ALICE
    assert sessions.identify("x") == ALICE


def test_an_absurdly_long_token_is_not_even_asked_about(sessions: Sessions, tokens: Tokens) -> None:
    with pytest.raises(Unauthenticated):
        sessions.identify("x" * (MAX_TOKEN_LENGTH + 1))
    assert tokens.asked == 0


def test_a_forgotten_token_is_asked_about_again(sessions: Sessions, tokens: Tokens) -> None:
    sessions.identify("a")
    del tokens.identities["a"]
    sessions.forget("a")
    with pytest.raises(Unauthenticated):
        sessions.identify("a")


def test_forgetting_a_user_forgets_every_token_of_that_user_only(
    sessions: Sessions, tokens: Tokens
) -> None:
    tokens.identities["a2"] = ALICE
    for token in ("a", "a2", "b"):
        sessions.identify(token)
    sessions.forget_user("alice")
    for token in ("a", "a2", "b"):
        sessions.identify(token)
    assert tokens.asked == 5


def test_the_oldest_is_forgotten_when_there_are_too_many(
    sessions: Sessions, tokens: Tokens
) -> None:
    for name in ("t0", "t1", "t2", "t3"):
        tokens.identities[name] = ALICE
        sessions.identify(name)
    for name in ("t1", "t2", "t3"):
        sessions.identify(name)
    assert tokens.asked == 4
    sessions.identify("t0")
    assert tokens.asked == 5


def test_an_answer_that_was_on_its_way_while_its_token_was_forgotten_is_not_remembered() -> None:
    """A logout between the question and the answer would otherwise be undone for seconds."""
    during: list[Sessions] = []

    class LoggingOut(Tokens):
        def authenticate(self, token: str) -> Identity:
            answer = super().authenticate(token)
            if self.asked == 1:
                during[0].forget(token)
            return answer

    tokens: Any = LoggingOut({"a": ALICE})
    during.append(Sessions(tokens, seconds=5, size=3))
    for _ in range(2):
        during[0].identify("a")
    assert tokens.asked == 2


def test_no_token_is_kept_in_the_clear(sessions: Sessions) -> None:
    sessions.identify("a")
    assert b"a" not in sessions._known


def test_threads_may_share_it(tokens: Any) -> None:
    sessions = Sessions(tokens, seconds=60, size=2)
    failures: list[BaseException] = []

    def use(token: str) -> None:
        try:
            for _ in range(300):
                assert sessions.identify(token) == tokens.identities[token]
                sessions.forget_user("nobody")
                sessions.forget("b")
        except BaseException as error:  # noqa: BLE001 - reported by the test itself
            failures.append(error)

    threads = [threading.Thread(target=use, args=[token]) for token in "abab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
