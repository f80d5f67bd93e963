"""The user store in memory: the double of `user_service.postgres` for tests.

The same contract tests run on both. One lock stands for every row lock, and a transaction that
fails puts back the state it began with.
"""

import copy
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta

from delinkcious.audit import Act
from delinkcious.deletion import DeletedUser
from delinkcious.errors import AlreadyExists, NotFound
from delinkcious.object_model.audit import AuditEntry, AuditPage
from delinkcious.object_model.users import (
    ApiToken,
    Deletion,
    GitHubIdentity,
    OpenSession,
    TokenKind,
    User,
)
from delinkcious.outbox import Entry
from user_service import events
from user_service.audit_page import page_of, place_before
from user_service.credentials import LOGIN_MEMORY, Credential
from user_service.domain import (
    CLOCKS_AGREE,
    PARTICIPANTS,
    TokenRequest,
    kept_of,
    pause_after,
)
from user_service.ports import Hanging, Overview, RemovedToken


@dataclass(frozen=True)
class _Token:
    username: str
    details: ApiToken

    @property
    def credential(self) -> Credential:
        details = self.details
        return Credential(
            TokenKind.API_TOKEN,
            details.id,
            self.username,
            details.scopes,
            details.expires_at,
            details.last_used_at,
        )


@dataclass(frozen=True)
class _Feed:
    digest: bytes
    created_at: datetime


@dataclass(frozen=True)
class _Session:
    username: str
    details: OpenSession

    @property
    def credential(self) -> Credential:
        details = self.details
        return Credential(
            TokenKind.SESSION,
            details.id,
            self.username,
            None,
            details.expires_at,
            details.last_used_at,
        )

    def is_live(self, now: datetime, idle_since: datetime) -> bool:
        return self.details.expires_at > now and self.details.last_used_at > idle_since


@dataclass
class _Deletion:
    user: DeletedUser
    requested_at: datetime
    tell_at: datetime
    told: int = 1
    finished_at: datetime | None = None
    services: dict[str, datetime | None] = field(
        default_factory=lambda: dict.fromkeys(PARTICIPANTS)
    )

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(name for name, at in self.services.items() if at is None)

    def shown(self) -> Deletion:
        return Deletion(
            self.user.deletion_id, self.requested_at, self.finished_at, dict(self.services)
        )


@dataclass
class _State:
    accounts: dict[int, User] = field(default_factory=dict)
    deletions: dict[str, _Deletion] = field(default_factory=dict)
    sessions: dict[bytes, _Session] = field(default_factory=dict)
    tokens: dict[bytes, _Token] = field(default_factory=dict)
    last_session_id: int = 0
    last_token_id: int = 0
    finished_logins: dict[bytes, datetime] = field(default_factory=dict)
    feeds: dict[str, _Feed] = field(default_factory=dict)
    events: list[Entry] = field(default_factory=list)
    audit: dict[str, tuple[str | None, AuditEntry]] = field(default_factory=dict)

    def copied(self) -> "_State":
        """Returns a copy; what it shares never changes."""
        parts = {field.name: copy.copy(getattr(self, field.name)) for field in fields(self)}
        parts["deletions"] = {
            name: replace(deletion, services=dict(deletion.services))
            for name, deletion in self.deletions.items()
        }
        return _State(**parts)

    def running(self) -> list[_Deletion]:
        return [each for each in self.deletions.values() if each.finished_at is None]

    def deletion_of(self, username: str) -> _Deletion | None:
        return next((each for each in self.running() if each.user.username == username), None)

    def user(self, username: str) -> User:
        if self.deletion_of(username) is None:
            return self.account(username)
        raise NotFound.of("username", f"there is nobody called {username}")

    def account(self, username: str) -> User:
        for user in self.accounts.values():
            if user.username == username:
                return user
        raise NotFound.of("username", f"there is nobody called {username}")

    def sessions_of(self, username: str) -> dict[bytes, _Session]:
        return {
            digest: session
            for digest, session in self.sessions.items()
            if session.username == username
        }

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
            before = self._state.copied()
            try:
                yield InMemoryUserTransaction(self._state)
            except BaseException:
                self._state = before
                raise

    def get_user(self, username: str) -> User:
        with self._lock:
            return self._state.user(username)

    def find(self, kind: TokenKind, digest: bytes) -> Credential | None:
        with self._lock:
            found = self._held(kind).get(digest)
        return found.credential if found else None

    def touch(self, kind: TokenKind, digest: bytes, now: datetime, before: datetime) -> None:
        with self._lock:
            if not (found := self._held(kind).get(digest)):
                return
            if found.details.last_used_at is None or found.details.last_used_at <= before:
                if isinstance(found, _Session):
                    details = replace(found.details, last_used_at=now)
                    self._state.sessions[digest] = replace(found, details=details)
                else:
                    token = replace(found.details, last_used_at=now)
                    self._state.tokens[digest] = replace(found, details=token)

    def _held(self, kind: TokenKind) -> Mapping[bytes, _Session | _Token]:
        return self._state.sessions if kind is TokenKind.SESSION else self._state.tokens

    def get_tokens(self, username: str, now: datetime) -> Sequence[ApiToken]:
        with self._lock:
            tokens = self._state.tokens_of(username)
        return [token.details for token in tokens if _is_live(token.details, now)]

    def delete_expired(self, now: datetime, limit: int) -> int:
        with self._lock:
            sessions, tokens = self._state.sessions, self._state.tokens
            logins = self._state.finished_logins
            old_logins = [key for key, at in logins.items() if at <= now - LOGIN_MEMORY]
            old_sessions = [key for key, one in sessions.items() if not _is_live(one.details, now)]
            old_tokens = [key for key, one in tokens.items() if not _is_live(one.details, now)]
            for digest in old_sessions[:limit]:
                del sessions[digest]
            for digest in old_tokens[:limit]:
                del tokens[digest]
            for digest in old_logins[:limit]:
                del logins[digest]
        return sum(len(old[:limit]) for old in (old_logins, old_sessions, old_tokens))

    def get_feed_secret_time(self, username: str) -> datetime | None:
        with self._lock:
            feed = self._state.feeds.get(username)
        return feed.created_at if feed else None

    def get_sessions(
        self, username: str, now: datetime, idle_since: datetime
    ) -> Sequence[OpenSession]:
        with self._lock:
            mine = self._state.sessions_of(username).values()
        return [session.details for session in mine if session.is_live(now, idle_since)]

    def get_deletion(self, deletion_id: str) -> Deletion:
        with self._lock:
            deletion = self._state.deletions.get(deletion_id)
        if deletion is None:
            raise NotFound("There is no such deletion.")
        return deletion.shown()

    def confirm(self, deletion_id: str, service: str, now: datetime) -> bool:
        with self._lock:
            deletion = self._state.deletions.get(deletion_id)
            if deletion is None or service not in deletion.missing:
                return False
            deletion.services[service] = now
            return True

    def finish(self, now: datetime) -> Sequence[str]:
        with self._lock:
            complete = [
                each
                for each in self._state.running()
                if not each.missing and each.user.until <= now
            ]
            for each in complete:
                each.finished_at = now
                self._state.accounts = {
                    number: user
                    for number, user in self._state.accounts.items()
                    if user.username != each.user.username
                }
        return [each.user.deletion_id for each in complete]

    def tell_again(self, now: datetime, patience: timedelta) -> Sequence[Hanging]:
        with self._lock:
            hanging = [
                each for each in self._state.running() if each.missing and each.tell_at <= now
            ]
            for each in hanging:
                each.tell_at = now + pause_after(each.told, patience)
                each.told += 1
                self._state.events.append(events.deleted(each.user))
            return [
                Hanging(each.user.deletion_id, each.requested_at, each.missing) for each in hanging
            ]

    def overview(self) -> Overview:
        with self._lock:
            times = [each.requested_at for each in self._state.running()]
        return Overview(len(times), min(times, default=None))

    def insert_audit(self, entry_id: str, at: datetime, service: str, act: Act) -> None:
        with self._lock:
            kept = kept_of(act, self._owner_of(act, at))
            if kept is None or entry_id in self._state.audit:
                return
            entry = AuditEntry(
                entry_id,
                at,
                str(kept.action),
                str(kept.outcome),
                service,
                kept.origin.address,
                kept.origin.user_agent,
                kept.token_id,
                kept.token_name,
                dict(kept.details),
            )
            self._state.audit[entry_id] = (kept.username, entry)

    def _owner_of(self, act: Act, at: datetime) -> str | None:
        for github_id, user in self._state.accounts.items():
            meant = user.username == act.username or github_id == act.github_id
            is_open = self._state.deletion_of(user.username) is None
            if meant and is_open and user.created_at <= at + CLOCKS_AGREE:
                return user.username
        return None

    def get_audit(self, username: str, start_token: str | None, page_size: int) -> AuditPage:
        place = place_before(start_token)
        with self._lock:
            mine = [entry for owner, entry in self._state.audit.values() if owner == username]
        older = [entry for entry in mine if (entry.at, entry.id) < place]
        newest_first = sorted(older, key=lambda entry: (entry.at, entry.id), reverse=True)
        return page_of(newest_first[: page_size + 1], page_size)

    def expire_audit(self, keep: timedelta, limit: int) -> int:
        end = datetime.now(UTC) - keep
        with self._lock:
            old = sorted(
                (entry.at, entry.id) for _, entry in self._state.audit.values() if entry.at < end
            )[:limit]
            for _, entry_id in old:
                del self._state.audit[entry_id]
        return len(old)

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
        if user is None or self._state.deletion_of(user.username):
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

    def is_being_deleted(self, identity: GitHubIdentity) -> bool:
        user = self._state.accounts.get(identity.id)
        return user is not None and self._state.deletion_of(user.username) is not None

    def lock_for_deletion(self, username: str) -> str | None:
        self._state.account(username)
        deletion = self._state.deletion_of(username)
        return deletion.user.deletion_id if deletion else None

    def close_account(self, user: DeletedUser, now: datetime, tell_at: datetime) -> None:
        state = self._state
        state.deletions[user.deletion_id] = _Deletion(user, now, tell_at)
        state.sessions = {
            digest: session
            for digest, session in state.sessions.items()
            if session.username != user.username
        }
        state.tokens = {
            digest: token
            for digest, token in state.tokens.items()
            if token.username != user.username
        }
        state.feeds.pop(user.username, None)
        state.audit = {
            entry_id: (owner, entry)
            for entry_id, (owner, entry) in state.audit.items()
            if owner != user.username
        }

    def finish_login(self, digest: bytes, now: datetime) -> bool:
        if digest in self._state.finished_logins:
            return False
        self._state.finished_logins[digest] = now
        return True

    def insert_session(
        self, username: str, digest: bytes, client: str, now: datetime, expires_at: datetime
    ) -> int:
        self._state.user(username)
        self._state.last_session_id += 1
        details = OpenSession(self._state.last_session_id, client, now, now, expires_at)
        self._state.sessions[digest] = _Session(username, details)
        return details.id

    def delete_session(self, digest: bytes) -> str | None:
        session = self._state.sessions.pop(digest, None)
        return session.username if session else None

    def delete_sessions(
        self,
        username: str,
        now: datetime,
        idle_since: datetime,
        *,
        session_id: int | None = None,
        keep: int | None = None,
    ) -> Sequence[bytes]:
        chosen = [
            digest
            for digest, session in self._state.sessions_of(username).items()
            if session.is_live(now, idle_since)
            and session_id in {None, session.details.id}
            and session.details.id != keep
        ]
        for digest in chosen:
            del self._state.sessions[digest]
        return chosen

    def delete_surplus_sessions(self, username: str, number: int) -> Sequence[bytes]:
        def last_use(digest: bytes) -> tuple[datetime, int]:
            details = self._state.sessions[digest].details
            return details.last_used_at, details.id

        newest_first = sorted(self._state.sessions_of(username), key=last_use, reverse=True)
        for digest in newest_first[number:]:
            del self._state.sessions[digest]
        return newest_first[number:]

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

    def delete_tokens(
        self, username: str, now: datetime, token_id: int | None = None
    ) -> Sequence[RemovedToken]:
        chosen = [
            RemovedToken(digest, token.details.id, token.details.name)
            for digest, token in self._state.tokens.items()
            if token.username == username
            and _is_live(token.details, now)
            and token_id in {None, token.details.id}
        ]
        for removed in chosen:
            del self._state.tokens[removed.digest]
        return chosen

    def put_feed_secret(self, username: str, digest: bytes, now: datetime) -> None:
        self._state.user(username)
        self._state.feeds[username] = _Feed(digest, now)

    def delete_feed_secret(self, username: str) -> None:
        if self._state.feeds.pop(username, None) is None:
            raise NotFound("Your news feed has no secret address.")

    def publish(self, *events: Entry) -> None:
        self._state.events.extend(events)


def _is_live(thing: OpenSession | ApiToken, now: datetime) -> bool:
    return thing.expires_at is None or thing.expires_at > now
