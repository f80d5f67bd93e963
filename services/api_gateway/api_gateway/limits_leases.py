"""Limits spent in this process, of what it took in advance of those that all processes share.

A round trip to Redis costs as much as a third of a request. So a process takes some of a limit at
once, a lease, and spends it without asking; when little is left it takes more, in a thread of its
own, and twice as much. Nobody waits but who spends faster than that (ADR-0035).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from time import monotonic
from typing import Final, Protocol

import structlog
from limits import RateLimitItem
from prometheus_client import Gauge

from api_gateway.limits_counters import CountersAway, Grant

logger = structlog.get_logger()

EXACT_BELOW: Final = 100
"""Smaller limits are not leased: each request takes one for itself."""
_FIRST_PART: Final = 20
_LARGEST_PART: Final = 5
_LOW: Final = 4
_SHORTEST_REFUSAL: Final = 0.25
_LONGEST_REFUSAL: Final = 5.0
_PROBE: Final = 1.0

OPEN: Final = Gauge(
    "delinkcious_rate_limits_open", "1 while nothing is limited because Redis is away."
)


class SharedCounters(Protocol):
    """Where limits are counted for all processes."""

    def take(self, rate: RateLimitItem, name: str, whose: str, wanted: int) -> Grant: ...

    def check(self) -> None: ...


class Spent(Exception):
    """Nothing is left of a limit now.

    Args:
        seconds: until there is more.
    """

    def __init__(self, lease: "Lease", seconds: float) -> None:
        super().__init__(lease.name)
        self.lease = lease
        self.seconds = seconds


@dataclass(slots=True, eq=False)
class Lease:
    """What this process may spend of somebody's limit.

    Attributes:
        left: what it has taken and not spent.
        debt: what it has spent before it took any.
        size: how much it takes next time, and `largest` at most.
        low: it takes more when less than this is left.
        remaining: what was left for all when it took some.
        resets_at: when there is more.
        ends: when what is left is good for nothing any more.
        refused_until: there is nothing to take before.
        asked: more is on its way.
        taking: held by who takes more: one at a time, or a burst would take the limit in one go.
    """

    name: str
    rate: RateLimitItem
    whose: str
    policy: str
    ends: float
    left: int
    debt: int
    size: int
    largest: int
    low: int
    remaining: int
    resets_at: float
    refused_until: float = 0
    asked: bool = False
    taking: Lock = field(default_factory=Lock, repr=False)

    def state(self, now: float) -> str:
        """Returns what a `RateLimit` header says of it."""
        seconds = max(0, self.resets_at - now)
        return '"%s";r=%d;t=%d' % (self.name, self.left + self.remaining, seconds + 1)  # noqa: UP031 - the fastest


class Leases:
    """Everybody's leases. Safe to share between threads.

    While the counters are away nothing is limited; that is logged and measured, and ends by itself.

    Args:
        size: how many are kept; the oldest is dropped first.
    """

    def __init__(
        self,
        counters: SharedCounters,
        *,
        size: int = 20_000,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._counters = counters
        self._size = size
        self._clock = clock
        self._leases: dict[tuple[str, str], Lease] = {}
        self._lock = Lock()
        self._away = False
        self._asked: SimpleQueue[Lease | None] = SimpleQueue()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Has leases renewed by a thread; without it, whoever needs one renews it."""
        self._thread = Thread(target=self._work, name="limits", daemon=True)
        self._thread.start()

    def spend(self, name: str, rate: RateLimitItem, whose: str) -> Lease | None:
        """Spends one of somebody's limit.

        Returns what it was spent of; None while nothing is limited.

        Raises:
            Spent: there is none.
        """
        now = self._clock()
        with self._lock:
            if self._away:
                return None
            lease = self._leases.get((name, whose))
            if lease is None or lease.rate is not rate or now >= lease.ends:
                lease = self._begin(name, rate, whose, now)
            if lease.left > 0:
                lease.left -= 1
                runs_low = lease.left < lease.low and not lease.asked and now >= lease.refused_until
                lease.asked |= runs_low
            elif now < lease.refused_until:
                raise Spent(lease, lease.resets_at - now)
            else:
                runs_low = None
        if runs_low is None:
            return self._spend_new(lease)
        if runs_low:
            self._renew_soon(lease)
        return lease

    def check(self) -> None:
        """Raises `CountersAway` unless the counters can be reached; for readiness."""
        self._counters.check()

    def _begin(self, name: str, rate: RateLimitItem, whose: str, now: float) -> Lease:
        """Returns a lease of which one may be spent before any is taken, unless it is exact."""
        exact = rate.amount < EXACT_BELOW
        seconds = rate.get_expiry()
        lease = Lease(
            name=name,
            rate=rate,
            whose=whose,
            policy=f'"{name}";q={rate.amount};w={seconds}',
            ends=now + seconds,
            left=0 if exact else 1,
            debt=0 if exact else 1,
            size=1 if exact else rate.amount // _FIRST_PART,
            largest=1 if exact else rate.amount // _LARGEST_PART,
            low=0 if exact else 1,
            remaining=rate.amount - 1,
            resets_at=now + seconds,
        )
        self._leases.pop((name, whose), None)
        self._leases[name, whose] = lease
        if len(self._leases) > self._size:
            del self._leases[next(iter(self._leases))]
        return lease

    def _spend_new(self, lease: Lease) -> Lease | None:
        """Spends one of what is taken for it now, or was by whoever came just before."""
        with lease.taking:
            with self._lock:
                if self._away:
                    return None  # who came before has found that out, which may take a while
                if lease.left > 0:
                    lease.left -= 1
                    return lease
                if self._clock() < lease.refused_until:
                    raise Spent(lease, lease.resets_at - self._clock())
            taken = self._renew(lease, spent=1)
        if taken is None:
            return None
        if taken == 0:
            raise Spent(lease, lease.resets_at - self._clock())
        return lease

    def _renew_soon(self, lease: Lease) -> None:
        if self._thread is None:
            self._take_for(lease)
        else:
            self._asked.put(lease)

    def _take_for(self, lease: Lease) -> None:
        with lease.taking:
            self._renew(lease)

    def _renew(self, lease: Lease, spent: int = 0) -> int | None:
        """Takes more; returns how much is beyond what was spent before, None if nobody counts."""
        try:
            grant = self._counters.take(
                lease.rate, lease.name, lease.whose, lease.size + lease.debt
            )
        except CountersAway as error:
            self._open(str(error))
            return None
        now = self._clock()
        with self._lock:
            usable = max(0, grant.taken - lease.debt)
            lease.left += max(0, usable - spent)
            lease.debt = 0
            lease.asked = False
            lease.remaining = grant.remaining
            lease.resets_at = now + grant.resets_in
            if usable:
                lease.ends = now + lease.rate.get_expiry()
                lease.low = lease.size // _LOW
                lease.size = min(2 * lease.size, lease.largest)
            if not grant.remaining:
                pause = min(max(grant.resets_in, _SHORTEST_REFUSAL), _LONGEST_REFUSAL)
                lease.refused_until = now + pause
        return usable

    def _open(self, reason: str) -> None:
        with self._lock:
            if self._away:
                return
            self._away = True
            self._leases.clear()
        OPEN.set(1)
        logger.warning("rate_limits_open", reason=reason)
        self._asked.put(None)  # who works learns of it

    def _close(self) -> None:
        with self._lock:
            self._away = False
        OPEN.set(0)
        logger.info("rate_limits_back")

    def _work(self) -> None:
        while True:
            try:
                lease = self._asked.get(timeout=_PROBE if self._away else None)
            except Empty:
                self._probe()
                continue
            if lease is not None and not self._away:
                self._take_for(lease)

    def _probe(self) -> None:
        try:
            self._counters.check()
        except CountersAway:
            return
        self._close()
