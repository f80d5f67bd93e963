"""What the store in memory keeps, where Postgres has rows."""

import copy
from dataclasses import dataclass, field, fields, replace
from datetime import datetime

from delinkcious.deletion import DeletedUser
from delinkcious.errors import NotFound
from delinkcious.object_model.audit import AuditEntry
from delinkcious.object_model.users import ApiToken, Deletion, OpenSession, TokenKind, User
from delinkcious.outbox import Entry
from user_service.credentials import Credential
from user_service.domain import PARTICIPANTS


@dataclass(frozen=True)
class KeptToken:
    """An API token; it is found by its digest."""

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
class KeptFeed:
    """The secret address of somebody's news feed, by the digest of it."""

    digest: bytes
    created_at: datetime


@dataclass(frozen=True)
class KeptSession:
    """A session; it is found by its digest."""

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
class KeptDeletion:
    """The deletion of an account, and which services have confirmed it."""

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
class State:
    """Everything that is kept."""

    accounts: dict[int, User] = field(default_factory=dict)
    deletions: dict[str, KeptDeletion] = field(default_factory=dict)
    sessions: dict[bytes, KeptSession] = field(default_factory=dict)
    tokens: dict[bytes, KeptToken] = field(default_factory=dict)
    last_session_id: int = 0
    last_token_id: int = 0
    finished_logins: dict[bytes, datetime] = field(default_factory=dict)
    feeds: dict[str, KeptFeed] = field(default_factory=dict)
    events: list[Entry] = field(default_factory=list)
    audit: dict[str, tuple[str | None, AuditEntry]] = field(default_factory=dict)

    def copied(self) -> "State":
        """Returns a copy; what it shares never changes."""
        parts = {field.name: copy.copy(getattr(self, field.name)) for field in fields(self)}
        parts["deletions"] = {
            name: replace(deletion, services=dict(deletion.services))
            for name, deletion in self.deletions.items()
        }
        return State(**parts)

    def running(self) -> list[KeptDeletion]:
        return [each for each in self.deletions.values() if each.finished_at is None]

    def deletion_of(self, username: str) -> KeptDeletion | None:
        return next((each for each in self.running() if each.user.username == username), None)

    def user(self, username: str) -> User:
        """Returns whose name it is; nobody's, if the account is being deleted."""
        if self.deletion_of(username) is None:
            return self.account(username)
        raise NotFound.of("username", f"there is nobody called {username}")

    def account(self, username: str) -> User:
        """Returns whose name it is, also if the account is being deleted."""
        for user in self.accounts.values():
            if user.username == username:
                return user
        raise NotFound.of("username", f"there is nobody called {username}")

    def sessions_of(self, username: str) -> dict[bytes, KeptSession]:
        return {
            digest: session
            for digest, session in self.sessions.items()
            if session.username == username
        }

    def tokens_of(self, username: str) -> list[KeptToken]:
        return [token for token in self.tokens.values() if token.username == username]


def is_live(thing: OpenSession | ApiToken, now: datetime) -> bool:
    """Tells whether something has not expired."""
    return thing.expires_at is None or thing.expires_at > now
