"""Users: accounts, the sessions that a login opens, and API tokens."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class GitHubIdentity:
    """Who GitHub says somebody is. ``id`` never changes; the login and the rest may."""

    id: int
    login: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class User:
    """An account. ``username`` is in lower case and stays the same for ever."""

    username: str
    name: str
    email: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """An open session; ``access_token`` is shown here and never again."""

    access_token: str
    username: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a token belongs to.

    Attributes:
        scopes: what the token may be used for; None means everything (a session, or a full token).
        expires_at: None means never.
    """

    username: str
    scopes: tuple[str, ...] | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A named API token, without its secret."""

    id: int
    name: str
    scopes: tuple[str, ...] | None
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewApiToken:
    """An API token just made; ``token`` is shown here and never again."""

    token: str
    details: ApiToken


class UserManager(Protocol):
    """Keeps accounts, sessions and API tokens."""

    def register(self, identity: GitHubIdentity) -> User:
        """Creates the account of a GitHub user, or brings its name and e-mail up to date."""
        ...

    def get_user(self, username: str) -> User:
        """Returns an account.

        Raises:
            NotFound: nobody has that name.
        """
        ...

    def login(self, username: str) -> Session:
        """Opens a session.

        Raises:
            NotFound: nobody has that name.
        """
        ...

    def logout(self, token: str) -> None:
        """Ends the session of a token; a token without a session is none the worse for it."""
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

        Raises:
            AlreadyExists: the user has a token of that name.
            FailedPrecondition: the user has as many tokens as one may have.
            InvalidArgument: naming each wrong field.
        """
        ...

    def get_tokens(self, username: str) -> list[ApiToken]:
        """Returns the user's API tokens, oldest first."""
        ...

    def revoke_token(self, username: str, token_id: int) -> None:
        """Revokes an API token.

        Raises:
            NotFound: the user has no such token.
        """
        ...
