"""The user store in memory: the double of `user_service.postgres` for tests.

The same contract tests run on both. One lock stands for every row lock, and a transaction that
fails puts back the state it began with.
"""

import copy
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from delinkcious.errors import AlreadyExists, NotFound
from delinkcious.object_model.users import ApiToken, GitHubIdentity, Identity, TokenKind, User
from delinkcious.outbox import Entry
from user_service.domain import TokenRequest


@dataclass(frozen=True)
class _Token:
    username: str
    details: ApiToken

    @property
    def identity(self) -> Identity:
        return Identity(self.username, self.details.scopes, self.details.expires_at)


@dataclass(frozen=True)
class _Feed:
    digest: bytes
    created_at: datetime


@dataclass
class _State:
    accounts: dict[int, User] = field(default_factory=dict)
    sessions: dict[bytes, Identity] = field(default_factory=dict)
    tokens: dict[bytes, _Token] = field(default_factory=dict)
    last_token_id: int = 0
    feeds: dict[str, _Feed] = field(default_factory=dict)
    events: list[Entry] = field(default_factory=list)

    def user(self, username: str) -> User:
        for user in self.accounts.values():
            if user.username == username:
                return user
        raise NotFound.of("username", f"there is nobody called {username}")

    def tokens_of(self, username: str) -> list[_Token]:
        return [token for token in self.tokens.values() if token.username == username]


class InMemoryUserStore:
    """Keeps users in memory; see `user_service.ports.UserStore`."""

    def __init__(self) -> None:
        self._state = _State()
        self._lock = threading.RLock()

    @property
    def events(self) -> list[Entry]:
        """What was published, oldest first."""
        return self._state.events

    @contextmanager
    def transaction(self) -> Iterator["InMemoryUserTransaction"]:
        with self._lock:
            before = copy.deepcopy(self._state)
            try:
                yield InMemoryUserTransaction(self._state)
            except BaseException:
                self._state = before
                raise

    def get_user(self, username: str) -> User:
        with self._lock:
            return self._state.user(username)

    def insert_session(
        self,
        username: str,
        digest: bytes,
        now: datetime,  # noqa: ARG002 - nobody asks when a session began
        expires_at: datetime,
    ) -> None:
        with self._lock:
            user = self._state.user(username)
            self._state.sessions[digest] = Identity(user.username, None, expires_at)

    def delete_session(self, digest: bytes) -> None:
        with self._lock:
            self._state.sessions.pop(digest, None)

    def find_identity(self, kind: TokenKind, digest: bytes) -> Identity | None:
        with self._lock:
            if kind is TokenKind.SESSION:
                return self._state.sessions.get(digest)
            token = self._state.tokens.get(digest)
        return token.identity if token else None

    def get_tokens(self, username: str, now: datetime) -> Sequence[ApiToken]:
        with self._lock:
            tokens = self._state.tokens_of(username)
        return [token.details for token in tokens if _is_live(token.details, now)]

    def delete_token(self, username: str, token_id: int, now: datetime) -> None:
        with self._lock:
            for digest, token in self._state.tokens.items():
                named = (token.username, token.details.id) == (username, token_id)
                if named and _is_live(token.details, now):
                    del self._state.tokens[digest]
                    return
        raise NotFound("You have no such token.")

    def delete_expired(self, now: datetime, limit: int) -> int:
        with self._lock:
            sessions, tokens = self._state.sessions, self._state.tokens
            old_sessions = [key for key, one in sessions.items() if not _is_live(one, now)]
            old_tokens = [key for key, one in tokens.items() if not _is_live(one.details, now)]
            for digest in old_sessions[:limit]:
                del sessions[digest]
            for digest in old_tokens[:limit]:
                del tokens[digest]
        return len(old_sessions[:limit]) + len(old_tokens[:limit])

    def put_feed_secret(self, username: str, digest: bytes, now: datetime) -> None:
        with self._lock:
            self._state.user(username)
            self._state.feeds[username] = _Feed(digest, now)

    def get_feed_secret_time(self, username: str) -> datetime | None:
        with self._lock:
            feed = self._state.feeds.get(username)
        return feed.created_at if feed else None

    def delete_feed_secret(self, username: str) -> None:
        with self._lock:
            if self._state.feeds.pop(username, None) is None:
                raise NotFound("Your news feed has no secret address.")

    def find_feed_owner(self, digest: bytes) -> User | None:
        with self._lock:
            for username, feed in self._state.feeds.items():
                if feed.digest == digest:
                    return self._state.user(username)
        return None


class InMemoryUserTransaction:
    """One transaction; see `user_service.ports.UserTransaction`."""

    def __init__(self, state: _State) -> None:
        self._state = state

    def update_account(self, identity: GitHubIdentity) -> User | None:
        user = self._state.accounts.get(identity.id)
        if user is None:
            return None
        user = replace(user, name=identity.name, email=identity.email)
        self._state.accounts[identity.id] = user
        return user

    def insert_account(self, username: str, identity: GitHubIdentity) -> User | None:
        taken = {user.username for user in self._state.accounts.values()}
        if identity.id in self._state.accounts or username in taken:
            return None
        user = User(username, identity.name, identity.email, datetime.now(UTC))
        self._state.accounts[identity.id] = user
        return user

    def lock_account(self, username: str) -> None:
        self._state.user(username)

    def delete_expired_tokens(self, username: str, now: datetime) -> None:
        tokens = self._state.tokens
        self._state.tokens = {
            digest: token
            for digest, token in tokens.items()
            if token.username != username or _is_live(token.details, now)
        }

    def count_tokens(self, username: str) -> int:
        return len(self._state.tokens_of(username))

    def insert_token(
        self, username: str, digest: bytes, token: TokenRequest, now: datetime
    ) -> ApiToken:
        if any(known.details.name == token.name for known in self._state.tokens_of(username)):
            raise AlreadyExists.of("name", "you have a token of this name")
        self._state.last_token_id += 1
        details = ApiToken(
            self._state.last_token_id, token.name, token.scopes, now, token.expires_at
        )
        self._state.tokens[digest] = _Token(username, details)
        return details

    def publish(self, *events: Entry) -> None:
        self._state.events.extend(events)


def _is_live(thing: Identity | ApiToken, now: datetime) -> bool:
    return thing.expires_at is None or thing.expires_at > now
