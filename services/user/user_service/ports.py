"""What the user manager needs from outside. Secrets are known here by their digests alone."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from delinkcious.audit import Act
from delinkcious.deletion import DeletedUser
from delinkcious.object_model.audit import AuditPage
from delinkcious.object_model.users import (
    ApiToken,
    Deletion,
    GitHubIdentity,
    OpenSession,
    TokenKind,
    User,
)
from delinkcious.outbox import Entry
from user_service.credentials import Credential
from user_service.domain import TokenRequest


@dataclass(frozen=True, slots=True)
class RemovedToken:
    """An API token that was removed."""

    digest: bytes
    id: int
    name: str


class UserTransaction(Protocol):
    """What is done in one transaction, all of it or none."""

    def update_account(self, identity: GitHubIdentity) -> User | None:
        """Brings the account of a GitHub user up to date; None if there is none."""
        ...

    def insert_account(self, username: str, identity: GitHubIdentity) -> User | None:
        """Creates an account; None if the username is taken or the GitHub user has one already,
        even if it is being deleted.
        """
        ...

    def is_being_deleted(self, identity: GitHubIdentity) -> bool:
        """Tells whether the GitHub user has an account that is being deleted."""
        ...

    def lock_for_deletion(self, username: str) -> str | None:
        """Has whoever would hold on to the account wait until the transaction ends.

        Returns:
            The id of the account's deletion if it is under way already.

        Raises:
            NotFound: nobody has that name.
        """
        ...

    def close_account(self, user: DeletedUser, now: datetime, tell_at: datetime) -> None:
        """Stores a deletion, removes what belongs to the account, and of the account everything
        but its names, which are taken until the deletion is done.

        Args:
            tell_at: when to tell those again who have not confirmed.
        """
        ...

    def finish_login(self, digest: bytes, now: datetime) -> bool:
        """Stores that a login has opened its session; False if it had already."""
        ...

    def insert_session(
        self, username: str, digest: bytes, client: str, now: datetime, expires_at: datetime
    ) -> int:
        """Stores a session and returns its number.

        Raises:
            NotFound: nobody has that name.
        """
        ...

    def delete_session(self, digest: bytes) -> str | None:
        """Removes a session and returns whose it was; None if it is not there."""
        ...

    def delete_sessions(
        self,
        username: str,
        now: datetime,
        idle_since: datetime,
        *,
        session_id: int | None = None,
        keep: int | None = None,
    ) -> Sequence[bytes]:
        """Removes the user's sessions that have not expired, all but the one to keep or the one of
        that id, and returns their digests.
        """
        ...

    def delete_surplus_sessions(self, username: str, number: int) -> Sequence[bytes]:
        """Removes the user's sessions but for so many, those that were used last, and returns their
        digests.
        """
        ...

    def lock_account(self, username: str) -> None:
        """Has others who lock it wait until the transaction ends.

        Raises:
            NotFound: nobody has that name.
        """
        ...

    def delete_expired_tokens(self, username: str, now: datetime) -> None:
        """Removes the user's API tokens that have expired."""
        ...

    def count_tokens(self, username: str) -> int:
        """Returns how many API tokens the user has."""
        ...

    def insert_token(
        self, username: str, digest: bytes, token: TokenRequest, now: datetime
    ) -> ApiToken:
        """Stores an API token.

        Raises:
            AlreadyExists: the user has a token of that name.
        """
        ...

    def delete_tokens(
        self, username: str, now: datetime, token_id: int | None = None
    ) -> Sequence[RemovedToken]:
        """Removes the user's API tokens that have not expired, all or the one of that id, and
        returns them.
        """
        ...

    def put_feed_secret(self, username: str, digest: bytes, now: datetime) -> None:
        """Stores the secret of the user's news feed, in the place of the one before.

        Raises:
            NotFound: nobody has that name.
        """
        ...

    def delete_feed_secret(self, username: str) -> None:
        """Removes the secret of the user's news feed.

        Raises:
            NotFound: it has none.
        """
        ...

    def publish(self, *events: Entry) -> None:
        """Has events published once the transaction is committed."""
        ...


@dataclass(frozen=True, slots=True)
class Hanging:
    """A deletion that some services should have confirmed by now."""

    deletion_id: str
    requested_at: datetime
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """How many deletions are under way, and since when the oldest is."""

    running: int
    oldest: datetime | None


class DeletionStore(Protocol):
    """Where deletions are brought to their end."""

    def confirm(self, deletion_id: str, service: str, now: datetime) -> bool:
        """Stores that a service has deleted what it had; False if that is known, or nobody asked
        it to.
        """
        ...

    def finish(self, now: datetime) -> Sequence[str]:
        """Removes accounts of which nothing is left elsewhere and whose time is over, and returns
        the ids of their deletions.
        """
        ...

    def tell_again(self, now: datetime, patience: timedelta) -> Sequence[Hanging]:
        """Has it published again that accounts are deleted which not all services have confirmed
        in time; how long they have then is `domain.pause_after`.
        """
        ...

    def overview(self) -> Overview:
        """Returns what is under way."""
        ...


class AuditStore(Protocol):
    """Where the audit trail is kept: what is in it does not change."""

    def insert_audit(self, entry_id: str, at: datetime, service: str, act: Act) -> None:
        """Stores what `domain.kept_of` leaves of an act, once for each id.

        Args:
            service: which says so.
        """
        ...

    def get_audit(self, username: str, start_token: str | None, page_size: int) -> AuditPage:
        """Returns a page of what was done with an account, newest first.

        Raises:
            InvalidArgument: the token is none of this list.
        """
        ...

    def expire_audit(self, keep: timedelta, limit: int) -> int:
        """Removes the oldest entries that are older than that, ``limit`` at most, and returns how
        many.
        """
        ...


class UserStore(Protocol):
    """Where accounts, sessions, API tokens and the secrets of feeds are kept."""

    def transaction(self) -> AbstractContextManager[UserTransaction]:
        """Begins a transaction, committed if the block ends well."""
        ...

    def get_user(self, username: str) -> User:
        """Returns an account.

        Raises:
            NotFound: nobody has that name.
        """
        ...

    def find(self, kind: TokenKind, digest: bytes) -> Credential | None:
        """Returns a session or API token, which may have expired."""
        ...

    def touch(self, kind: TokenKind, digest: bytes, now: datetime, before: datetime) -> None:
        """Stores that a session or API token is used now, unless it was so since that moment."""
        ...

    def get_tokens(self, username: str, now: datetime) -> Sequence[ApiToken]:
        """Returns the user's API tokens that have not expired, oldest first."""
        ...

    def get_sessions(
        self, username: str, now: datetime, idle_since: datetime
    ) -> Sequence[OpenSession]:
        """Returns the user's sessions that have not expired, nor been idle since that moment,
        oldest first, with their last end.
        """
        ...

    def get_deletion(self, deletion_id: str) -> Deletion:
        """Returns how far a deletion is.

        Raises:
            NotFound: there is none of that id, which is a UUID.
        """
        ...

    def delete_expired(self, now: datetime, limit: int) -> int:
        """Removes sessions and API tokens that have expired, and finished logins that cannot come
        again, of each kind ``limit`` at most, and returns how many.
        """
        ...

    def get_feed_secret_time(self, username: str) -> datetime | None:
        """Returns when the secret of the user's news feed was stored; None if there is none."""
        ...

    def find_feed_owner(self, digest: bytes) -> User | None:
        """Returns whose news feed a secret opens."""
        ...
