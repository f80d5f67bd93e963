"""Deletions of accounts on Postgres: SQL and nothing else."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Connection

from delinkcious import outbox
from delinkcious.database import Database
from delinkcious.deletion import DeletedUser
from delinkcious.errors import NotFound
from delinkcious.object_model.users import Deletion
from user_service import audit_store, events
from user_service.domain import PARTICIPANTS, pause_after
from user_service.ports import Hanging, Overview

_AT_ONCE: Final = 100

# Others who would hold on to the account, such as a login with its session, wait for this lock, and
# then find the account gone.
_LOCK_ACCOUNT: Final = "SELECT deletion_id FROM accounts WHERE username = %s FOR UPDATE"
_INSERT: Final = """
    INSERT INTO deletions (id, requested_at, until, tell_at) VALUES (%s, %s, %s, %s)
"""
_INSERT_STEPS: Final = """
    INSERT INTO deletion_steps (deletion_id, service) SELECT %s, unnest(%s::text[])
"""
_CLOSE_ACCOUNT: Final = """
    UPDATE accounts SET deletion_id = %s, name = '', email = '' WHERE username = %s
"""
_GET: Final = """
    SELECT d.id::text, d.requested_at, d.finished_at, s.service, s.confirmed_at
    FROM deletions d JOIN deletion_steps s ON s.deletion_id = d.id WHERE d.id = %s
    ORDER BY s.service
"""
_CONFIRM: Final = """
    UPDATE deletion_steps SET confirmed_at = %s
    WHERE deletion_id = %s AND service = %s AND confirmed_at IS NULL
"""
_FINISH: Final = """
    WITH complete AS (
        SELECT id FROM deletions d
        WHERE finished_at IS NULL AND until <= %(now)s AND NOT EXISTS (
            SELECT FROM deletion_steps s WHERE s.deletion_id = d.id AND s.confirmed_at IS NULL)
        LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ),
    forgotten AS (DELETE FROM accounts a USING complete c WHERE a.deletion_id = c.id)
    UPDATE deletions d SET finished_at = %(now)s FROM complete c WHERE d.id = c.id
    RETURNING d.id::text
"""
_HANGING: Final = """
    SELECT d.id::text, a.username, d.until, d.requested_at, d.told, (
        SELECT array_agg(s.service ORDER BY s.service) FROM deletion_steps s
        WHERE s.deletion_id = d.id AND s.confirmed_at IS NULL
    )
    FROM deletions d JOIN accounts a ON a.deletion_id = d.id
    WHERE d.finished_at IS NULL AND d.tell_at <= %s AND EXISTS (
        SELECT FROM deletion_steps s WHERE s.deletion_id = d.id AND s.confirmed_at IS NULL)
    ORDER BY d.requested_at LIMIT %s FOR UPDATE OF d SKIP LOCKED
"""
_TOLD: Final = "UPDATE deletions SET told = told + 1, tell_at = %s WHERE id = %s"
_OVERVIEW: Final = """
    SELECT count(*), min(requested_at) FROM deletions WHERE finished_at IS NULL
"""


class PostgresDeletionStore:
    """Keeps deletions in Postgres; see `user_service.ports.DeletionStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def confirm(self, deletion_id: str, service: str, now: datetime) -> bool:
        with self._database.connection() as connection:
            return connection.execute(_CONFIRM, [now, deletion_id, service]).rowcount > 0

    def finish(self, now: datetime) -> Sequence[str]:
        with self._database.connection() as connection:
            rows = connection.execute(_FINISH, {"now": now, "limit": _AT_ONCE}).fetchall()
        return [row[0] for row in rows]

    def tell_again(self, now: datetime, patience: timedelta) -> Sequence[Hanging]:
        with self._database.transaction() as connection:
            rows = connection.execute(_HANGING, [now, _AT_ONCE]).fetchall()
            for deletion_id, username, until, _, told, _ in rows:
                user = DeletedUser(deletion_id, username, until)
                outbox.append(connection, [events.deleted(user)])
                connection.execute(_TOLD, [now + pause_after(told, patience), deletion_id])
        return [
            Hanging(deletion_id, requested_at, tuple(services))
            for deletion_id, _, _, requested_at, _, services in rows
        ]

    def overview(self) -> Overview:
        with self._database.connection() as connection:
            return Overview(*(connection.execute(_OVERVIEW).fetchone() or (0, None)))


def get_deletion(connection: Connection[Any], deletion_id: str) -> Deletion:
    """Returns how far a deletion is; see `delinkcious.object_model.users.UserManager`."""
    rows = connection.execute(_GET, [deletion_id]).fetchall()
    if not rows:
        raise NotFound("There is no such deletion.")
    id_, requested_at, finished_at, *_ = rows[0]
    return Deletion(id_, requested_at, finished_at, {row[3]: row[4] for row in rows})


def lock_for_deletion(connection: Connection[Any], username: str) -> str | None:
    """Returns the id of the account's deletion if there is one; see `UserTransaction`."""
    row = connection.execute(_LOCK_ACCOUNT, [username]).fetchone()
    if row is None:
        raise NotFound.of("username", f"there is nobody called {username}")
    return str(row[0]) if row[0] else None


def close_account(
    connection: Connection[Any], user: DeletedUser, now: datetime, tell_at: datetime
) -> None:
    """Stores a deletion and removes what belongs to the account; see `UserTransaction`."""
    connection.execute(_INSERT, [user.deletion_id, now, user.until, tell_at])
    connection.execute(_INSERT_STEPS, [user.deletion_id, list(PARTICIPANTS)])
    connection.execute(_CLOSE_ACCOUNT, [user.deletion_id, user.username])
    connection.execute("DELETE FROM sessions WHERE username = %s", [user.username])
    connection.execute("DELETE FROM api_tokens WHERE username = %s", [user.username])
    connection.execute("DELETE FROM feed_secrets WHERE username = %s", [user.username])
    audit_store.forget(connection, user.deletion_id)
