"""The user store on Postgres: SQL and nothing else."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg import Connection

from delinkcious import outbox
from delinkcious.database import Database
from delinkcious.deletion import DeletedUser
from delinkcious.errors import AlreadyExists, NotFound
from delinkcious.object_model.users import (
    ApiToken,
    Deletion,
    GitHubIdentity,
    OpenSession,
    TokenKind,
    User,
)
from delinkcious.outbox import Entry
from user_service import deletion_store
from user_service.credentials import LOGIN_MEMORY, Credential
from user_service.domain import TokenRequest
from user_service.ports import RemovedToken

# Every request of the system comes by here: one row by its key, in one round trip. Whether it has
# expired is for the manager to see: the planner must not choose the index on that instead.
CREDENTIAL: Final[dict[TokenKind, LiteralString]] = {
    TokenKind.SESSION: """
        SELECT id, username, NULL, expires_at, last_used_at FROM sessions WHERE digest = %s
    """,
    TokenKind.API_TOKEN: """
        SELECT id, username, scopes, expires_at, last_used_at FROM api_tokens WHERE digest = %s
    """,
}
_TOUCH: Final[dict[TokenKind, LiteralString]] = {
    TokenKind.SESSION: """
        UPDATE sessions SET last_used_at = %s WHERE digest = %s AND last_used_at <= %s
    """,
    TokenKind.API_TOKEN: """
        UPDATE api_tokens SET last_used_at = %s
        WHERE digest = %s AND (last_used_at IS NULL OR last_used_at <= %s)
    """,
}
_UPDATE_ACCOUNT: Final = """
    UPDATE accounts SET name = %(name)s, email = %(email)s
    WHERE github_id = %(github_id)s AND deletion_id IS NULL
    RETURNING username, name, email, created_at
"""
_INSERT_ACCOUNT: Final = """
    INSERT INTO accounts (github_id, username, name, email)
    VALUES (%(github_id)s, %(username)s, %(name)s, %(email)s)
    ON CONFLICT DO NOTHING
    RETURNING username, name, email, created_at
"""
_FINISH_LOGIN: Final = """
    INSERT INTO finished_logins (digest, finished_at) VALUES (%s, %s) ON CONFLICT DO NOTHING
"""
_INSERT_SESSION: Final = """
    INSERT INTO sessions (digest, username, client, created_at, last_used_at, expires_at)
    SELECT %(digest)s, username, %(client)s, %(now)s, %(now)s, %(expires_at)s
    FROM accounts WHERE username = %(username)s AND deletion_id IS NULL FOR KEY SHARE
    RETURNING id
"""
_SESSIONS: Final = """
    SELECT id, client, created_at, last_used_at, expires_at FROM sessions
    WHERE username = %s AND expires_at > %s AND last_used_at > %s ORDER BY id
"""
_DELETE_SESSIONS: Final = """
    DELETE FROM sessions
    WHERE username = %(username)s AND expires_at > %(now)s AND last_used_at > %(idle_since)s
        AND (%(session_id)s::numeric IS NULL OR id = %(session_id)s)
        AND (%(keep)s::numeric IS NULL OR id <> %(keep)s)
    RETURNING digest
"""
_DELETE_SURPLUS_SESSIONS: Final = """
    DELETE FROM sessions WHERE digest IN (
        SELECT digest FROM sessions WHERE username = %s
        ORDER BY last_used_at DESC, id DESC OFFSET %s FOR UPDATE SKIP LOCKED)
    RETURNING digest
"""
_TOKEN_COLUMNS: Final = "id, name, scopes, created_at, expires_at, last_used_at"
_INSERT_TOKEN: Final = f"""
    INSERT INTO api_tokens (digest, username, name, scopes, created_at, expires_at)
    VALUES (%(digest)s, %(username)s, %(name)s, %(scopes)s, %(now)s, %(expires_at)s)
    ON CONFLICT (username, name) DO NOTHING
    RETURNING {_TOKEN_COLUMNS}
"""
_TOKENS: Final = f"""
    SELECT {_TOKEN_COLUMNS} FROM api_tokens
    WHERE username = %s AND (expires_at IS NULL OR expires_at > %s) ORDER BY id
"""
_DELETE_TOKENS: Final = """
    DELETE FROM api_tokens
    WHERE username = %(username)s AND (expires_at IS NULL OR expires_at > %(now)s)
        AND (%(token_id)s::numeric IS NULL OR id = %(token_id)s)
    RETURNING digest, id, name
"""
_PUT_FEED_SECRET: Final = """
    INSERT INTO feed_secrets (username, digest, created_at)
    SELECT username, %(digest)s, %(now)s
    FROM accounts WHERE username = %(username)s AND deletion_id IS NULL FOR KEY SHARE
    ON CONFLICT (username) DO UPDATE
    SET digest = EXCLUDED.digest, created_at = EXCLUDED.created_at
"""
FEED_OWNER: Final = """
    SELECT username, name, email, accounts.created_at
    FROM feed_secrets JOIN accounts USING (username) WHERE digest = %s
"""
_DELETE_EXPIRED: Final[Sequence[LiteralString]] = (
    """
    DELETE FROM sessions WHERE digest IN (
        SELECT digest FROM sessions WHERE expires_at <= %s
        ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED)
    """,
    """
    DELETE FROM api_tokens WHERE id IN (
        SELECT id FROM api_tokens WHERE expires_at <= %s
        ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED)
    """,
)
_FORGET_LOGINS: Final = """
    DELETE FROM finished_logins WHERE digest IN (
        SELECT digest FROM finished_logins WHERE finished_at <= %s
        ORDER BY finished_at LIMIT %s FOR UPDATE SKIP LOCKED)
"""


class PostgresUserStore:
    """Keeps users in Postgres; see `user_service.ports.UserStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def transaction(self) -> Iterator["PostgresUserTransaction"]:
        with self._database.transaction() as connection:
            yield PostgresUserTransaction(connection)

    def get_user(self, username: str) -> User:
        with self._database.connection() as connection:
            row = connection.execute(
                "SELECT username, name, email, created_at FROM accounts"
                " WHERE username = %s AND deletion_id IS NULL",
                [username],
            ).fetchone()
        if row is None:
            raise _nobody(username)
        return User(*row)

    def find(self, kind: TokenKind, digest: bytes) -> Credential | None:
        with self._database.connection() as connection:
            row = connection.execute(CREDENTIAL[kind], [digest]).fetchone()
        if row is None:
            return None
        id_, username, scopes, expires_at, last_used_at = row
        return Credential(kind, id_, username, _scopes(scopes), expires_at, last_used_at)

    def touch(self, kind: TokenKind, digest: bytes, now: datetime, before: datetime) -> None:
        with self._database.connection() as connection:
            connection.execute(_TOUCH[kind], [now, digest, before])

    def get_tokens(self, username: str, now: datetime) -> Sequence[ApiToken]:
        with self._database.connection() as connection:
            return [_api_token(*row) for row in connection.execute(_TOKENS, [username, now])]

    def get_sessions(
        self, username: str, now: datetime, idle_since: datetime
    ) -> Sequence[OpenSession]:
        with self._database.connection() as connection:
            rows = connection.execute(_SESSIONS, [username, now, idle_since])
            return [OpenSession(*row) for row in rows]

    def get_deletion(self, deletion_id: str) -> Deletion:
        with self._database.connection() as connection:
            return deletion_store.get_deletion(connection, deletion_id)

    def delete_expired(self, now: datetime, limit: int) -> int:
        with self._database.connection() as connection:
            forgotten = connection.execute(_FORGET_LOGINS, [now - LOGIN_MEMORY, limit]).rowcount
            return forgotten + sum(
                connection.execute(statement, [now, limit]).rowcount
                for statement in _DELETE_EXPIRED
            )

    def get_feed_secret_time(self, username: str) -> datetime | None:
        with self._database.connection() as connection:
            row = connection.execute(
                "SELECT created_at FROM feed_secrets WHERE username = %s", [username]
            ).fetchone()
        return row[0] if row else None

    def find_feed_owner(self, digest: bytes) -> User | None:
        with self._database.connection() as connection:
            row = connection.execute(FEED_OWNER, [digest]).fetchone()
        return User(*row) if row else None


class PostgresUserTransaction:
    """One transaction; see `user_service.ports.UserTransaction`."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def update_account(self, identity: GitHubIdentity) -> User | None:
        row = self._connection.execute(_UPDATE_ACCOUNT, _account(identity)).fetchone()
        return User(*row) if row else None

    def insert_account(self, username: str, identity: GitHubIdentity) -> User | None:
        account = {**_account(identity), "username": username}
        row = self._connection.execute(_INSERT_ACCOUNT, account).fetchone()
        return User(*row) if row else None

    def is_being_deleted(self, identity: GitHubIdentity) -> bool:
        statement = "SELECT FROM accounts WHERE github_id = %s AND deletion_id IS NOT NULL"
        return self._connection.execute(statement, [identity.id]).rowcount > 0

    def lock_for_deletion(self, username: str) -> str | None:
        return deletion_store.lock_for_deletion(self._connection, username)

    def close_account(self, user: DeletedUser, now: datetime, tell_at: datetime) -> None:
        deletion_store.close_account(self._connection, user, now, tell_at)

    def finish_login(self, digest: bytes, now: datetime) -> bool:
        return self._connection.execute(_FINISH_LOGIN, [digest, now]).rowcount > 0

    def insert_session(
        self, username: str, digest: bytes, client: str, now: datetime, expires_at: datetime
    ) -> int:
        session = {
            "digest": digest,
            "username": username,
            "client": client,
            "now": now,
            "expires_at": expires_at,
        }
        row = self._connection.execute(_INSERT_SESSION, session).fetchone()
        if row is None:
            raise _nobody(username)
        return int(row[0])

    def delete_session(self, digest: bytes) -> str | None:
        statement = "DELETE FROM sessions WHERE digest = %s RETURNING username"
        row = self._connection.execute(statement, [digest]).fetchone()
        return row[0] if row else None

    def delete_sessions(
        self,
        username: str,
        now: datetime,
        idle_since: datetime,
        *,
        session_id: int | None = None,
        keep: int | None = None,
    ) -> Sequence[bytes]:
        which = {
            "username": username,
            "now": now,
            "idle_since": idle_since,
            "session_id": session_id,
            "keep": keep,
        }
        return [row[0] for row in self._connection.execute(_DELETE_SESSIONS, which)]

    def delete_surplus_sessions(self, username: str, number: int) -> Sequence[bytes]:
        found = self._connection.execute(_DELETE_SURPLUS_SESSIONS, [username, number])
        return [row[0] for row in found]

    def lock_account(self, username: str) -> None:
        statement = (
            "SELECT FROM accounts WHERE username = %s AND deletion_id IS NULL FOR NO KEY UPDATE"
        )
        if self._connection.execute(statement, [username]).rowcount == 0:
            raise _nobody(username)

    def delete_expired_tokens(self, username: str, now: datetime) -> None:
        self._connection.execute(
            "DELETE FROM api_tokens WHERE username = %s AND expires_at <= %s", [username, now]
        )

    def count_tokens(self, username: str) -> int:
        row = self._connection.execute(
            "SELECT count(*) FROM api_tokens WHERE username = %s", [username]
        ).fetchone()
        return row[0] if row else 0

    def insert_token(
        self, username: str, digest: bytes, token: TokenRequest, now: datetime
    ) -> ApiToken:
        row = self._connection.execute(
            _INSERT_TOKEN,
            {
                "digest": digest,
                "username": username,
                "name": token.name,
                "scopes": None if token.scopes is None else list(token.scopes),
                "now": now,
                "expires_at": token.expires_at,
            },
        ).fetchone()
        if row is None:
            raise AlreadyExists.of("name", "you have a token of this name")
        return _api_token(*row)

    def delete_tokens(
        self, username: str, now: datetime, token_id: int | None = None
    ) -> Sequence[RemovedToken]:
        which = {"username": username, "now": now, "token_id": token_id}
        return [RemovedToken(*row) for row in self._connection.execute(_DELETE_TOKENS, which)]

    def put_feed_secret(self, username: str, digest: bytes, now: datetime) -> None:
        secret = {"username": username, "digest": digest, "now": now}
        if self._connection.execute(_PUT_FEED_SECRET, secret).rowcount == 0:
            raise _nobody(username)

    def delete_feed_secret(self, username: str) -> None:
        statement = "DELETE FROM feed_secrets WHERE username = %s"
        if self._connection.execute(statement, [username]).rowcount == 0:
            raise NotFound("Your news feed has no secret address.")

    def publish(self, *events: Entry) -> None:
        outbox.append(self._connection, events)


def _account(identity: GitHubIdentity) -> dict[str, Any]:
    return {"github_id": identity.id, "name": identity.name, "email": identity.email}


def _api_token(
    id_: int,
    name: str,
    scopes: list[str] | None,
    created_at: datetime,
    expires_at: datetime | None,
    last_used_at: datetime | None,
) -> ApiToken:
    return ApiToken(id_, name, _scopes(scopes), created_at, expires_at, last_used_at)


def _scopes(scopes: list[str] | None) -> tuple[str, ...] | None:
    return None if scopes is None else tuple(scopes)


def _nobody(username: str) -> NotFound:
    return NotFound.of("username", f"there is nobody called {username}")
