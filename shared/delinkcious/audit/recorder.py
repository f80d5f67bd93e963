"""Telling the audit trail, as well as may be, for who has no outbox.

Nothing waits for it, and nothing fails with it: what cannot be told, because the broker is away for
long, is lost, and counted. Of acts that concern no account, strangers could cause any number; of
each kind of those a process tells a few at once and then one a second, and with each how many it
left out.
"""

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Final, Protocol

from prometheus_client import Counter

from delinkcious.audit.act import Act, Detail
from delinkcious.messaging.background import SoonPublisher

TOLD: Final = Counter(
    "delinkcious_audit_acts_total", "Acts for the audit trail, of who has no outbox.", ["action"]
)
LEFT_OUT: Final = Counter(
    "delinkcious_audit_acts_left_out_total",
    "Acts that concern no account and were too many to be told.",
    ["action"],
)

_AT_ONCE: Final = 20
_PER_SECOND: Final = 1.0

_Kind = tuple[str, Detail]


class Recorder(Protocol):
    """Whoever has acts recorded: the real one, or a double."""

    def record(self, act: Act) -> None:
        """Has an act recorded if that is possible; never fails, and never waits."""


class EventRecorder:
    """Tells of acts by events. Safe to share between threads.

    Args:
        service: which says so.
    """

    def __init__(
        self, publisher: SoonPublisher, service: str, clock: Callable[[], float] = monotonic
    ) -> None:
        self._publisher = publisher
        self._service = service
        self._strangers: defaultdict[_Kind, _Allowance] = defaultdict(partial(_Allowance, clock))

    def record(self, act: Act) -> None:
        if act.username is None and act.github_id is None:
            left_out = self._strangers[_kind(act)].take()
            if left_out is None:
                LEFT_OUT.labels(act.action).inc()
                return
            if left_out:
                act = replace(act, details={**act.details, "left_out": left_out})
        TOLD.labels(act.action).inc()
        self._publisher.publish_soon(act.to_event(self._service))


def _kind(act: Act) -> _Kind:
    """Returns what has an allowance of its own: what strangers try, again and again, must not hide
    what a service or an operator does.
    """
    # Nobody chooses a caller: it is a name in our file of tokens, so that there are few kinds.
    return act.action, act.details.get("caller")


class _Allowance:
    """So many at once, and so many a second from then on."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._left = float(_AT_ONCE)
        self._since = clock()
        self._refused = 0

    def take(self) -> int | None:
        """Returns how many were refused since the one before, or None if this one is, too."""
        with self._lock:
            now = self._clock()
            self._left = min(_AT_ONCE, self._left + (now - self._since) * _PER_SECOND)
            self._since = now
            if self._left < 1:
                self._refused += 1
                return None
            self._left -= 1
            refused, self._refused = self._refused, 0
            return refused
