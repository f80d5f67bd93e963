"""The rules of health: what a check makes of a URL, and how long it then has peace.

They know no clock and no store, and roll no dice: who applies them brings the time and the luck.
That a page is missing is certain after a second look; everything else may be a bad hour of a
server, of the network or ours, and needs many. A server that sends us away tells nothing.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from delinkcious.object_model.links import LinkStatus

ANSWERS: Final = frozenset({"ok", "moved"})
MISSING: Final = frozenset({"not_found", "gone"})
BLOCKED: Final = frozenset({"blocked"})

_MAX_DOUBLINGS: Final = 16


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of a URL from its checks.

    Attributes:
        attempts: how many checks have been made since the last one that was answered, the newest
            included: 1 unless those before it failed, or were blocked.
        failures: how many of them failed; 0 if the page answered the last one that tells anything.
        since: when the page first answered, if it has done so ever since; or first failed.
    """

    status: LinkStatus = LinkStatus.PENDING
    outcome: str | None = None
    checked_at: datetime | None = None
    attempts: int = 0
    failures: int = 0
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check came to.

    Attributes:
        changed: whether the status is another one than before.
        due_at: when the next one is to be made.
        urgent: whether it goes ahead of those that nobody waits for.
    """

    health: Health
    changed: bool
    due_at: datetime
    urgent: bool


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait for the next check: as long again as things have been as they are, within
    limits. So the pauses double, also for pages that somebody wants checked in between.
    """

    at_least: timedelta
    at_most: timedelta

    def after(self, elapsed: timedelta) -> timedelta:
        """Returns the pause when things have been so for some time."""
        return min(max(elapsed, self.at_least), self.at_most)

    def doubled(self, times: int) -> timedelta:
        """Returns the shortest pause, doubled so many times."""
        return min(self.at_least * (1 << min(times, _MAX_DOUBLINGS)), self.at_most)


@dataclass(frozen=True, slots=True)
class HealthRules:
    """When a link is valid or invalid, and when it is checked again.

    Attributes:
        confirm_after: a page that is missing is looked at again after that time, and is believed to
            be if it still is.
        failures: how many checks must fail in any other way, one after the other,
        failing_for: and over how long, until the link is invalid.
        retry: the pauses until then.
        blocked: those while a server sends us away.
        dead: those of invalid links.
        healthy: those of valid ones.
        jitter: the share of a pause by which it may be longer, so that what came together does not
            stay together.
    """

    confirm_after: timedelta = timedelta(seconds=1)
    failures: int = 4
    failing_for: timedelta = timedelta(hours=1)
    retry: Pace = Pace(timedelta(minutes=1), timedelta(minutes=15))
    blocked: Pace = Pace(timedelta(minutes=15), timedelta(days=1))
    dead: Pace = Pace(timedelta(hours=6), timedelta(days=30))
    healthy: Pace = Pace(timedelta(days=1), timedelta(days=30))
    jitter: float = 0.25

    def after(self, health: Health, outcome: str, at: datetime) -> Health:
        """Returns what is known of a URL after one more check, which must be the newest."""
        attempts = 1 if health.outcome in ANSWERS else health.attempts + 1
        checked = replace(health, outcome=outcome, checked_at=at, attempts=attempts)
        if outcome in BLOCKED:
            return checked
        if outcome in ANSWERS:
            since = at if health.failures else health.since or at
            return replace(checked, status=LinkStatus.VALID, failures=0, since=since)
        failed = replace(
            checked,
            failures=health.failures + 1,
            since=health.since if health.failures else at,
        )
        if self._is_confirmed(health, outcome, at) or self._fails_for_long(failed, at):
            return replace(failed, status=LinkStatus.INVALID)
        return failed

    def _is_confirmed(self, before: Health, outcome: str, at: datetime) -> bool:
        """Returns whether a page that was missing some time ago still is.

        Half the time will do: two checkers' clocks may differ, and a request may overtake another.
        """
        if outcome not in MISSING or before.outcome not in MISSING or before.checked_at is None:
            return False
        return at - before.checked_at >= self.confirm_after / 2

    def _fails_for_long(self, failed: Health, at: datetime) -> bool:
        since = failed.since or at
        return failed.failures >= self.failures and at - since >= self.failing_for

    def awaits_confirmation(self, health: Health) -> bool:
        """Returns whether the next check decides: somebody may be waiting for it."""
        return health.outcome in MISSING and health.status is not LinkStatus.INVALID

    def pause(self, health: Health, luck: float) -> timedelta:
        """Returns how long after a check the next one is due.

        Args:
            luck: from 0 to 1, by chance: how much of the jitter there is.
        """
        return self._pause(health) * (1 + self.jitter * luck)

    def _pause(self, health: Health) -> timedelta:
        if self.awaits_confirmation(health):
            return self.confirm_after
        if health.outcome in BLOCKED:
            return self.blocked.doubled(health.attempts - 1)
        if health.status is LinkStatus.INVALID:
            return self.dead.after(_elapsed(health))
        pace = self.healthy if health.outcome in ANSWERS else self.retry
        return pace.after(_elapsed(health))


def _elapsed(health: Health) -> timedelta:
    if health.checked_at is None or health.since is None:
        return timedelta()
    return health.checked_at - health.since
