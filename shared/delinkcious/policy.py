"""How a client treats its peer: how long it waits, how often it tries, when it leaves it alone.

The same for every transport, so that one setting means one thing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final, TypeVar

import stamina

from delinkcious.breaker import Breaker

T = TypeVar("T")

_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.5
_JITTER: Final = 0.05


@dataclass(frozen=True, slots=True)
class Policy:
    """How long to wait, how often to try again, and when to stop trying.

    Args:
        connect_timeout: seconds until the connection stands.
        timeout: seconds until the whole response is there, each attempt.
        patience: seconds for which the peer of a stream, which has no such limit, may do nothing.
        attempts: at most, for calls that are safe to repeat.
        breaker_failures: in a row, after which calls are refused at once.
        breaker_seconds: until one call may try again.
    """

    connect_timeout: float = 1.0
    timeout: float = 5.0
    patience: float = 30.0
    attempts: int = 3
    breaker_failures: int = 5
    breaker_seconds: float = 1.0

    def breaker(self, peer: str, on: type[Exception]) -> Breaker:
        """Returns a breaker for a peer that fails with this exception."""
        return Breaker(peer, failures=self.breaker_failures, seconds=self.breaker_seconds, on=(on,))

    def attempt(self, call: Callable[[], T], repeatable: Callable[[Exception], bool]) -> T:
        """Calls, and again with growing, jittered pauses while it fails in a way that allows it.

        A second attempt follows at once: most often the first met a connection that had gone. All
        together begin within two timeouts, so a peer that says nothing is waited for twice.
        """
        started = monotonic()
        try:
            return call()  # a call that succeeds pays nothing for retries
        except Exception as error:
            if self.attempts == 1 or not repeatable(error):
                raise
        again = stamina.RetryingCaller(
            attempts=self.attempts - 1,
            timeout=max(0.001, self.timeout * 2 - (monotonic() - started)),
            wait_initial=_FIRST_PAUSE,
            wait_max=_LONGEST_PAUSE,
            wait_jitter=_JITTER,
        )
        return again(repeatable, call)
