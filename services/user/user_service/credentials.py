"""Sessions and API tokens as they are stored: when they end, and what is noted of their use."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from delinkcious.object_model.users import Identity, OpenSession, TokenKind

LOGIN_MEMORY: Final = timedelta(hours=1)
"""How long it is known that a login has opened its session; longer than a login may take."""

MAX_SESSIONS: Final = 100
"""How many one may have open; who opens more loses those that were used the longest ago."""

MAX_CLIENT_LENGTH: Final = 200
"""How much is kept of what a program that logs in calls itself."""

_NOTED: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Credential:
    """A session or an API token.

    Attributes:
        expires_at: its last end; None: it has none.
        last_used_at: as far as it was noted; None: never.
    """

    kind: TokenKind
    id: int
    username: str
    scopes: tuple[str, ...] | None
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Expiry:
    """When sessions end, and how exactly uses are noted.

    Attributes:
        absolute: from the login, used or not.
        idle: from the last use that was noted, so that it may be shorter by `noted`.
    """

    absolute: timedelta
    idle: timedelta

    @property
    def noted(self) -> timedelta:
        """For how long nothing is written of further uses: a minute; less if `idle` is short."""
        return min(_NOTED, self.idle / 10)

    def end(self, credential: Credential) -> datetime | None:
        """Returns when a credential ends if it is not used any more; None: never."""
        end, used = credential.expires_at, credential.last_used_at
        if credential.kind is TokenKind.API_TOKEN or end is None or used is None:
            return end
        return min(end, used + self.idle)

    def has_ended(self, credential: Credential, now: datetime) -> bool:
        """Tells whether the time of a session or token is over."""
        end = self.end(credential)
        return end is not None and end <= now

    def is_to_be_noted(self, credential: Credential, now: datetime) -> bool:
        """Tells whether a use now is to be written down."""
        return credential.last_used_at is None or credential.last_used_at <= now - self.noted

    def identity(self, credential: Credential) -> Identity:
        """Returns whom a credential belongs to."""
        is_session = credential.kind is TokenKind.SESSION
        return Identity(
            credential.username,
            credential.scopes,
            self.end(credential),
            session_id=credential.id if is_session else None,
            token_id=None if is_session else credential.id,
        )

    def shown(self, session: OpenSession) -> OpenSession:
        """Returns a session with the end that it has if it is not used any more."""
        end = min(session.expires_at, session.last_used_at + self.idle)
        return replace(session, expires_at=end)
