"""Users: accounts, the sessions that a login opens, API tokens, and the secrets of news feeds.

Secrets and e-mail addresses are left out of ``repr``, so that no traceback or log shows them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

MAX_TOKENS: Final = 100
MAX_TOKEN_NAME_LENGTH: Final = 100


class Scope(StrEnum):
    """What an API token may be used for."""

    LINKS_READ = "links:read"
    LINKS_WRITE = "links:write"
    SOCIAL = "social"
    NEWS = "news"
    ACCOUNT = "account"


class TokenKind(StrEnum):
    """How a token begins: people, logs and secret scanners see what it is."""

    SESSION = "dls_"
    API_TOKEN = "dlt_"


_TOKEN: Final = re.compile("dl[st]_[A-Za-z0-9_-]{43}")


def kind_of_token(token: str) -> TokenKind | None:
    """Returns what a token is, or None if it has not the form of ours: a prefix, and 256 random
    bits in base64url. What has not need not be looked up.
    """
    return TokenKind(token[:4]) if _TOKEN.fullmatch(token) else None


FEED_SECRET_PREFIX: Final = "dlf_"
_FEED_SECRET: Final = re.compile(FEED_SECRET_PREFIX + "[A-Za-z0-9_-]{43}")


def is_feed_secret(text: str) -> bool:
    """Tells whether a text has the form of the secret of a news feed: what has not need not be
    looked up. It is no token, and no token passes for it.
    """
    return _FEED_SECRET.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class GitHubIdentity:
    """Who GitHub says somebody is. ``id`` never changes; the login and the rest may."""

    id: int
    login: str
    name: str = field(repr=False)
    email: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class User:
    """An account. ``username`` is in lower case and stays the same for ever."""

    username: str
    name: str = field(repr=False)
    email: str = field(repr=False)
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """An open session; ``access_token`` is shown here and never again."""

    access_token: str = field(repr=False)
    username: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a token belongs to.

    Attributes:
        scopes: what the token may be used for; None means everything (a session, or a full token).
        expires_at: None means never; of a session, when it ends if it is not used any more.
        session_id: which session it is; None if it is none.
        token_id: which API token it is; None if it is none.
    """

    username: str
    scopes: tuple[str, ...] | None
    expires_at: datetime | None
    session_id: int | None = None
    token_id: int | None = None


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A named API token, without its secret.

    Attributes:
        last_used_at: to within a minute; None if it never was.
    """

    id: int
    name: str
    scopes: tuple[str, ...] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewApiToken:
    """An API token just made; ``token`` is shown here and never again."""

    token: str = field(repr=False)
    details: ApiToken


@dataclass(frozen=True, slots=True)
class FeedSecret:
    """The secret of a news feed, just made; ``secret`` is shown here and never again."""

    secret: str = field(repr=False)
    created_at: datetime


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that has not expired, without its token.

    Attributes:
        client: what the program that logged in calls itself; empty if it does not say.
        last_used_at: to within a minute.
        expires_at: when it ends at the latest, and if it is not used any more.
    """

    id: int
    client: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


class DeletionStatus(StrEnum):
    """How far the deletion of an account is."""

    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Deletion:
    """The deletion of an account, whose it was unsaid.

    Attributes:
        id: nobody can guess it; whoever knows it may see this.
        finished_at: when all services had confirmed and the name was free again.
        services: when each service had deleted what it had; None if it has not yet.
    """

    id: str
    requested_at: datetime
    finished_at: datetime | None
    services: Mapping[str, datetime | None]

    @property
    def status(self) -> DeletionStatus:
        """How far it is."""
        return DeletionStatus.RUNNING if self.finished_at is None else DeletionStatus.DONE


class UserManager(Protocol):
    """Keeps accounts, sessions, API tokens and the secrets of news feeds."""

    def register(self, identity: GitHubIdentity) -> User:
        """Creates the account of a GitHub user, or brings its name and e-mail up to date.

        Raises:
            FailedPrecondition: the account that the user had is still being deleted.
        """
        ...

    def get_user(self, username: str) -> User:
        """Returns an account.

        Raises:
            NotFound: nobody has that name.
        """
        ...

    def login(self, username: str, client: str = "", state: str = "") -> Session:
        """Opens a session.

        Args:
            client: what the program that logs in calls itself.
            state: of the login that this is the end of; it opens one session and no other. Empty:
                there was none.

        Raises:
            AlreadyExists: the state has opened a session.
            NotFound: nobody has that name.
        """
        ...

    def logout(self, token: str) -> None:
        """Ends the session of a token; a token without a session is none the worse for it.

        An API token is not a session: it stays valid until it is revoked or expires.
        """
        ...

    def authenticate(self, token: str) -> Identity:
        """Returns whom a session token or API token belongs to.

        Raises:
            Unauthenticated: it is unknown, expired or revoked.
        """
        ...

    def create_token(
        self,
        username: str,
        name: str,
        scopes: tuple[str, ...] | None = None,
        expires_at: datetime | None = None,
    ) -> NewApiToken:
        """Makes an API token.

        Args:
            name: tells the user's tokens apart.
            scopes: what it may be used for, of `Scope`; None for everything.
            expires_at: in the future, with a time zone; None for never.

        Raises:
            AlreadyExists: the user has a token of that name.
            FailedPrecondition: the user has `MAX_TOKENS` tokens.
            InvalidArgument: naming each wrong field.
            NotFound: there is no such user.
        """
        ...

    def get_tokens(self, username: str) -> list[ApiToken]:
        """Returns the user's API tokens that have not expired, oldest first."""
        ...

    def revoke_token(self, username: str, token_id: int) -> None:
        """Revokes an API token.

        Raises:
            NotFound: the user has no such token.
        """
        ...

    def revoke_tokens(self, username: str) -> None:
        """Revokes all API tokens of the user."""
        ...

    def create_feed_secret(self, username: str) -> FeedSecret:
        """Makes the secret that opens the user's news feed, and nothing else, to whoever has it.

        There is one at a time: the one before opens nothing any more.

        Raises:
            NotFound: there is no such user.
        """
        ...

    def get_feed_secret_time(self, username: str) -> datetime | None:
        """Returns since when the user's news feed has its secret; None if it has none."""
        ...

    def get_sessions(self, username: str) -> list[OpenSession]:
        """Returns the user's sessions that have not expired, oldest first."""
        ...

    def revoke_session(self, username: str, session_id: int) -> None:
        """Ends a session.

        Raises:
            NotFound: the user has no such session.
        """
        ...

    def revoke_sessions(self, username: str, keep: int | None = None) -> None:
        """Ends all sessions of the user, but for the one to keep."""
        ...

    def delete_account(self, username: str) -> Deletion:
        """Has an account deleted everywhere: sessions, tokens and the feed's secret are dead now,
        and nobody finds the user any more; the rest goes by and by.

        Asking again finds the deletion that is under way.

        Raises:
            NotFound: nobody has that name.
        """
        ...

    def get_deletion(self, deletion_id: str) -> Deletion:
        """Returns how far a deletion is.

        Raises:
            NotFound: there is none of that id.
        """
        ...

    def revoke_feed_secret(self, username: str) -> None:
        """Has the secret of the user's news feed open nothing any more.

        Raises:
            NotFound: it has none.
        """
        ...

    def get_feed_owner(self, secret: str) -> User:
        """Returns whose news feed a secret opens.

        Raises:
            NotFound: it is unknown or revoked.
        """
        ...
