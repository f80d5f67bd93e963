"""The audit trail on Postgres: SQL and nothing else."""

from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Connection
from psycopg.types.json import Jsonb

from delinkcious.audit import Act
from delinkcious.database import Database
from delinkcious.object_model.audit import AuditEntry, AuditPage
from user_service.audit_page import page_of, place_before
from user_service.domain import CLOCKS_AGREE, kept_of

# Whoever deletes the account waits for this lock, and then finds the entry; or this waits, and then
# finds no account.
_LOCK_OWNER: Final = """
    SELECT username FROM accounts
    WHERE (username = %s OR github_id = %s) AND deletion_id IS NULL AND created_at <= %s
    FOR KEY SHARE
"""
_INSERT: Final = """
    INSERT INTO audit (id, at, username, action, outcome, service, address, user_agent, token_id,
                       token_name, details)
    VALUES (%(id)s, %(at)s, %(username)s, %(action)s, %(outcome)s, %(service)s, %(address)s,
            %(user_agent)s, %(token_id)s, %(token_name)s, %(details)s)
    ON CONFLICT (id) DO NOTHING
"""
PAGE: Final = """
    SELECT id::text, at, action, outcome, service, address, user_agent, token_id, token_name,
           details
    FROM audit WHERE username = %s AND (at, id) < (%s, %s)
    ORDER BY at DESC, audit.id DESC LIMIT %s
"""


class PostgresAuditStore:
    """Keeps the audit trail in Postgres; see `user_service.ports.AuditStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert_audit(self, entry_id: str, at: datetime, service: str, act: Act) -> None:
        with self._database.transaction() as connection:
            if kept := kept_of(act, _lock_owner(connection, act, at)):
                connection.execute(
                    _INSERT,
                    {
                        **kept.to_data(),
                        "id": entry_id,
                        "at": at,
                        "service": service,
                        "details": Jsonb(dict(kept.details)),
                    },
                )

    def get_audit(self, username: str, start_token: str | None, page_size: int) -> AuditPage:
        place = place_before(start_token)
        with self._database.connection() as connection:
            rows = connection.execute(PAGE, [username, *place, page_size + 1]).fetchall()
        return page_of([AuditEntry(*row) for row in rows], page_size)

    def expire_audit(self, keep: timedelta, limit: int) -> int:
        with self._database.connection() as connection:
            row = connection.execute("SELECT audit_expire(%s, %s)", [keep, limit]).fetchone()
        return row[0] if row else 0


def _lock_owner(connection: Connection[Any], act: Act, at: datetime) -> str | None:
    owner = [act.username, act.github_id, at + CLOCKS_AGREE]
    row = connection.execute(_LOCK_OWNER, owner).fetchone()
    return row[0] if row else None


def forget(connection: Connection[Any], deletion_id: str) -> None:
    """Removes the trail of an account that is being deleted, in its transaction."""
    connection.execute("SELECT audit_forget(%s)", [deletion_id])
