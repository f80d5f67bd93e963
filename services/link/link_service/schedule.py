"""Checks that nobody waits for: asked for one by one, behind those of links that were just added.

A new link asks for its check itself. What is imported, what is to be checked again, and what was
asked for and never answered is due in the table of URLs, from where the worker asks for a few at a
time: as many as are answered, so that a new link never finds a long queue at the link checker.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

import structlog
from psycopg import Connection

from delinkcious import outbox
from delinkcious.database import Database
from delinkcious.errors import Unavailable
from link_service import events

logger = structlog.get_logger()

PATIENCE: Final = timedelta(minutes=10)
"""After which a check that was asked for and not answered is asked for again."""

AT_ONCE: Final = 20
"""How many checks may be without an answer before the next are asked for."""

TOMBSTONES_LIVE: Final = timedelta(days=90)
"""For how long deletions are known to those who mirror a collection."""

_BUSY: Final = 0.2
_IDLE: Final = 2.0
_TOMBSTONES_AT_ONCE: Final = 1000

# One worker at a time: two that count at once would each ask for as many as there is room for.
_LOCK: Final = "SELECT pg_try_advisory_xact_lock(%s)"
_LOCK_KEY: Final = 0x636865636B73  # "checks"
_UNANSWERED: Final = """
    SELECT count(*) FROM (
        SELECT FROM urls WHERE check_asked_at > now() - %(patience)s LIMIT %(limit)s
    )
"""
_DUE: Final = """
    WITH due AS (
        SELECT id FROM urls WHERE check_due_at <= now()
        ORDER BY check_due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
    UPDATE urls u SET check_asked_at = now(), check_due_at = now() + %(patience)s
    FROM due WHERE u.id = due.id
    RETURNING u.id, u.url, u.title IS NULL AND EXISTS (
        SELECT FROM links l WHERE l.url_id = u.id AND l.title = '')
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
    """Asks for the checks that are due, and forgets old deletions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask_for_checks(self) -> int:
        """Asks for some of the checks that are due, and returns for how many."""
        with self._database.transaction() as connection:
            room = AT_ONCE - _unanswered(connection) if _is_its_turn(connection) else 0
            if room <= 0:
                return 0
            due = connection.execute(_DUE, {"limit": room, "patience": PATIENCE}).fetchall()
            requests = [
                events.check_requested(url_id, url, title_wanted=title_wanted)
                for url_id, url, title_wanted in due
            ]
            outbox.append(connection, requests)
        return len(requests)

    def forget_deletions(self, older_than: timedelta = TOMBSTONES_LIVE) -> None:
        """Removes some of the oldest tombstones; their users' older tokens are no longer good."""
        with self._database.connection() as connection:
            connection.execute(_BURY, [older_than, _TOMBSTONES_AT_ONCE])

    async def run(self, stop: asyncio.Event) -> None:
        """Does both now and then until told to stop."""
        while not stop.is_set():
            asked = await asyncio.to_thread(self._step)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _BUSY if asked else _IDLE)

    def _step(self) -> int:
        try:
            self.forget_deletions()
            return self.ask_for_checks()
        except Unavailable as error:
            logger.warning("schedule_waits", reason=error.detail)
            return 0


def _is_its_turn(connection: Connection[Any]) -> bool:
    row = connection.execute(_LOCK, [_LOCK_KEY]).fetchone()
    return bool(row and row[0])


def _unanswered(connection: Connection[Any]) -> int:
    parameters = {"patience": PATIENCE, "limit": AT_ONCE}
    row = connection.execute(_UNANSWERED, parameters).fetchone()
    return int(row[0]) if row else 0
