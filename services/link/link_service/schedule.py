"""Checks that are due: asked for a few at a time, and fairly between the hosts that they are of.

A new link asks for its check itself, unless its host has enough to answer. Everything else is due
in the table of URLs: the second look at a page that is missing, what somebody wants checked, what
is imported, what is to be checked again, and what was asked for and never answered. From there the
worker asks for as many as are answered, so that a new link never finds a long queue at the link
checker, and for a few of each host, so that a slow one holds up nobody but itself.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from time import monotonic
from typing import Any, Final

import structlog
from psycopg import Connection

from delinkcious import outbox
from delinkcious.database import Database
from delinkcious.errors import Unavailable
from delinkcious.outbox import Entry
from link_service import events, metrics
from link_service.live import Features

logger = structlog.get_logger()

PATIENCE: Final = timedelta(minutes=10)
"""After which a check that was asked for and not answered is asked for again."""

AT_ONCE: Final = 20
"""How many checks may be without an answer before the next are asked for."""

URGENT_AT_ONCE: Final = 100
"""The same of checks that somebody waits for, which go ahead of the others."""

PER_HOST: Final = 4
"""How many of them may be of one host."""

TOMBSTONES_LIVE: Final = timedelta(days=90)
"""For how long deletions are known to those who mirror a collection."""

_BUSY: Final = 0.2
_IDLE: Final = 0.5
_REST: Final = 4
"""Times as long as a round took is the pause after it, if it took long."""

_UPKEEP: Final = 10.0
_TOMBSTONES_AT_ONCE: Final = 1000
_CANDIDATES: Final = 1000
_COUNTED: Final = 100_000

# One worker at a time: two that count at once would each ask for as many as there is room for.
_LOCK: Final = "SELECT pg_try_advisory_xact_lock(%s)"
_LOCK_KEY: Final = 0x636865636B73  # "checks"
UNANSWERED: Final = """
    SELECT host, count(*), count(*) FILTER (WHERE check_urgent) FROM urls
    WHERE check_asked_at > now() - %(patience)s GROUP BY host
"""
DUE: Final = """
    SELECT id, host FROM urls
    WHERE check_urgent = %(urgent)s AND check_due_at <= now() AND host <> ALL(%(full)s)
      AND (check_asked_at IS NULL OR check_asked_at <= now() - %(patience)s)
    ORDER BY check_due_at, id LIMIT %(limit)s
"""
_ASK: Final = """
    WITH due AS (
        SELECT id FROM urls WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE urls u SET check_asked_at = now(), check_due_at = now() + %(patience)s
    FROM due WHERE u.id = due.id
    RETURNING u.id, u.url, u.title IS NULL AND EXISTS (
        SELECT FROM links l WHERE l.url_id = u.id AND l.title = '')
"""
OVERDUE: Final = """
    SELECT count(*), coalesce(extract(epoch FROM now() - min(check_due_at)), 0)::float
    FROM (SELECT check_due_at FROM urls WHERE check_urgent = %(urgent)s AND check_due_at <= now()
          ORDER BY check_due_at LIMIT %(limit)s) due
"""
_BURY: Final = """
    WITH old AS (
        DELETE FROM tombstones t USING (
            SELECT username, version, link_id FROM tombstones WHERE deleted_at < now() - %s
            ORDER BY deleted_at LIMIT %s
        ) o
        WHERE (t.username, t.version, t.link_id) = (o.username, o.version, o.link_id)
        RETURNING t.username, t.version
    ),
    newest AS (SELECT username, max(version) AS version FROM old GROUP BY username),
    -- In order, as whoever else locks several collections.
    locked AS (
        SELECT username, newest.version FROM collections JOIN newest USING (username)
        ORDER BY username FOR UPDATE OF collections
    )
    UPDATE collections c SET forgotten = greatest(c.forgotten, locked.version)
    FROM locked WHERE c.username = locked.username
"""


class Schedule:
    """Asks for the checks that are due, and forgets old deletions.

    Args:
        features: returns what is switched on: without checks, none is asked for.
    """

    def __init__(self, database: Database, features: Callable[[], Features] = Features) -> None:
        self._database = database
        self._features = features

    def ask_for_checks(self) -> int:
        """Asks for some of the checks that are due, and returns for how many."""
        if not self._features().checks:
            return 0
        with self._database.transaction() as connection:
            if not _is_its_turn(connection):
                return 0
            room = _Room.left(connection)
            asked = [
                *_ask(connection, room.choose(connection, urgent=True)),
                *_ask(connection, room.choose(connection, urgent=False)),
            ]
            outbox.append(connection, asked)
        return len(asked)

    def forget_deletions(self, older_than: timedelta = TOMBSTONES_LIVE) -> None:
        """Removes some of the oldest tombstones; their users' older tokens are no longer good."""
        with self._database.connection() as connection:
            connection.execute(_BURY, [older_than, _TOMBSTONES_AT_ONCE])

    def measure(self) -> None:
        """Tells the metrics how many checks are due, and since when."""
        with self._database.connection() as connection:
            for urgent, label in ((True, "yes"), (False, "no")):
                parameters = {"urgent": urgent, "limit": _COUNTED}
                ((number, age),) = connection.execute(OVERDUE, parameters).fetchall()
                metrics.DUE.labels(label).set(number)
                metrics.OVERDUE.labels(label).set(age)

    async def run(self, stop: asyncio.Event) -> None:
        """Does all of it now and then until told to stop."""
        kept_up = -_UPKEEP
        while not stop.is_set():
            started = monotonic()
            asked = await asyncio.to_thread(self._step, with_upkeep=started - kept_up >= _UPKEEP)
            ended = monotonic()
            kept_up = started if started - kept_up >= _UPKEEP else kept_up
            pause = max(_BUSY if asked else _IDLE, _REST * (ended - started))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)

    def _step(self, *, with_upkeep: bool) -> int:
        try:
            if with_upkeep:
                self.forget_deletions()
                self.measure()
            return self.ask_for_checks()
        except Unavailable as error:
            logger.warning("schedule_waits", reason=error.detail)
            return 0


class _Room:
    """How many more checks may be asked for: of both kinds, and of each host."""

    def __init__(self, urgent: int, others: int, of_hosts: Counter[str]) -> None:
        self._left = {True: URGENT_AT_ONCE - urgent, False: AT_ONCE - others}
        self._of_hosts = of_hosts

    @classmethod
    def left(cls, connection: Connection[Any]) -> "_Room":
        """Returns what the checks leave that have not been answered."""
        rows = connection.execute(UNANSWERED, {"patience": PATIENCE}).fetchall()
        urgent = sum(row[2] for row in rows)
        others = sum(row[1] for row in rows) - urgent
        return cls(urgent, others, Counter({host: number for host, number, _ in rows}))

    def choose(self, connection: Connection[Any], *, urgent: bool) -> list[int]:
        """Returns the URLs whose checks come next, those that are due first, and takes their room.

        However many are due of a host that has its share, those of others are found behind them.
        """
        chosen: list[int] = []
        while self._left[urgent] > 0:
            candidates = connection.execute(
                DUE,
                {
                    "urgent": urgent,
                    "full": [host for host, n in self._of_hosts.items() if n >= PER_HOST],
                    "patience": PATIENCE,
                    "limit": _CANDIDATES,
                },
            ).fetchall()
            chosen += [number for number, host in candidates if self._take(host, urgent=urgent)]
            if len(candidates) < _CANDIDATES:
                break
        return chosen

    def _take(self, host: str, *, urgent: bool) -> bool:
        if self._left[urgent] <= 0 or self._of_hosts[host] >= PER_HOST:
            return False
        self._left[urgent] -= 1
        self._of_hosts[host] += 1
        return True


def _ask(connection: Connection[Any], ids: list[int]) -> list[Entry]:
    """Marks checks as asked for, and returns the events that do so."""
    if not ids:
        return []
    rows = connection.execute(_ASK, {"ids": ids, "patience": PATIENCE}).fetchall()
    return [
        events.check_requested(url_id, url, title_wanted=title_wanted)
        for url_id, url, title_wanted in sorted(rows, key=lambda row: ids.index(row[0]))
    ]


def _is_its_turn(connection: Connection[Any]) -> bool:
    row = connection.execute(_LOCK, [_LOCK_KEY]).fetchone()
    return bool(row and row[0])
