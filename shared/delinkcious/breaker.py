"""The circuit breaker of a client: a peer that keeps failing is left alone for a while.

It guards one attempt at a call, whatever the transport; how a failure is recognised is the
client's business, and so are retries.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from threading import Lock
from typing import Any, Final, Literal

import pybreaker
import structlog

from delinkcious.errors import Unavailable
from delinkcious.metrics import BREAKER_OPEN

logger = structlog.get_logger()

_CLOSED: Final = pybreaker.STATE_CLOSED


class _Listener(pybreaker.CircuitBreakerListener):
    def __init__(self, peer: str) -> None:
        self._peer = peer
        BREAKER_OPEN.labels(peer).set(0)

    def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:  # noqa: ARG002
        BREAKER_OPEN.labels(self._peer).set(new_state.name == pybreaker.STATE_OPEN)
        logger.warning("circuit_breaker", peer=self._peer, now=new_state.name)


class _Calm(AbstractContextManager[None]):
    """Guards attempts while all is well: any number at once, for it keeps nothing of them."""

    def __init__(self, breaker: "Breaker") -> None:
        self._breaker = breaker

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _kind: object, error: BaseException | None, _traceback: object
    ) -> Literal[False]:
        if error is not None:
            self._breaker.count(error)
        return False


class Breaker:
    """Counts the failures of one peer. Safe to share between threads, and for asyncio.

    Args:
        failures: in a row, after which calls are refused at once.
        seconds: until one call may try again.
        on: the exceptions that are failures of the peer; every other one is an answer.
    """

    def __init__(
        self, peer: str, *, failures: int, seconds: float, on: tuple[type[Exception], ...]
    ) -> None:
        self._peer = peer
        self._on = on
        self._seconds = seconds
        self._trial = Lock()
        self._calm = _Calm(self)
        self._breaker = pybreaker.CircuitBreaker(
            fail_max=failures,
            reset_timeout=seconds,
            exclude=[lambda error: not isinstance(error, on)],
            listeners=[_Listener(peer)],
            throw_new_error_on_trip=False,
        )

    def guard(self) -> AbstractContextManager[None]:
        """Runs one attempt at a call.

        Raises:
            Unavailable: the breaker is open, so there was no attempt.
        """
        if self._breaker.fail_counter == 0 and self._breaker.current_state == _CLOSED:
            # The usual case: a success would change nothing, so pybreaker need not know of it.
            return self._calm
        return self._asking()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        # Once open, pybreaker lets everybody try at once, and a peer that hangs would hold us all.
        one_at_a_time = self._breaker.current_state != _CLOSED
        if one_at_a_time and not self._trial.acquire(blocking=False):
            raise self._refusal()
        try:
            # Not pybreaker's `call`: it holds a lock throughout, so threads would queue up.
            with self._breaker.calling():
                yield
        except pybreaker.CircuitBreakerError:
            raise self._refusal() from None
        finally:
            if one_at_a_time:
                self._trial.release()

    def count(self, failure: BaseException) -> None:
        """Counts a failure, if it is one; unless others have opened the breaker since that call
        began.
        """
        if not isinstance(failure, self._on):
            return
        with suppress(*self._on, pybreaker.CircuitBreakerError), self._breaker.calling():
            raise failure

    def _refusal(self) -> Unavailable:
        return Unavailable(
            f"{self._peer} does not answer; not asked again for a moment.",
            retry_after=self._seconds,
        )
