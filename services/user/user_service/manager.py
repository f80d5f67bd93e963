"""The use cases of users: accounts and their end, sessions, API tokens and the secrets of feeds."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from delinkcious.deletion import DeletedUser
from delinkcious.errors import FailedPrecondition, NotFound, Unauthenticated
from delinkcious.object_model.users import (
    MAX_TOKENS,
    ApiToken,
    Deletion,
    FeedSecret,
    GitHubIdentity,
    Identity,
    NewApiToken,
    OpenSession,
    Session,
    TokenKind,
    User,
    is_feed_secret,
    kind_of_token,
)
from user_service import events
from user_service.domain import (
    check_token_request,
    digest_of,
    has_expired,
    new_feed_secret,
    new_token,
    usernames_for,
)
from user_service.ports import UserStore


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Registration:
    """An account, and whether it is new."""

    user: User
    is_new: bool


class UserManager:
    """Keeps accounts and secrets; see `delinkcious.object_model.users.UserManager`.

    Args:
        session_lifetime: from a login to the end of its session, used or not.
        quarantine: from the deletion of an account until its name is free again, at the least.
        patience: how long services have to confirm a deletion.
    """

    def __init__(
        self,
        store: UserStore,
        session_lifetime: timedelta,
        clock: Callable[[], datetime] = _utc_now,
        *,
        quarantine: timedelta = timedelta(seconds=20),
        patience: timedelta = timedelta(minutes=5),
    ) -> None:
        self._store = store
        self._quarantine = quarantine
        self._patience = patience
        self._session_lifetime = session_lifetime
        self._clock = clock

    def register(self, identity: GitHubIdentity) -> User:
        return self.register_account(identity).user

    def register_account(self, identity: GitHubIdentity) -> Registration:
        """Registers, and tells whether the account is new."""
        identity = replace(identity, name=identity.name.strip() or identity.login)
        usernames = usernames_for(identity)
        with self._store.transaction() as transaction:
            while True:  # that no account came of it may mean that the same user came in twice
                if user := transaction.update_account(identity):
                    return Registration(user, is_new=False)
                if transaction.is_being_deleted(identity):
                    raise FailedPrecondition(
                        "Your account is being deleted. Log in again once that is done,"
                        " and you get a new one."
                    )
                if user := transaction.insert_account(next(usernames), identity):
                    transaction.publish(events.registered(user))
                    return Registration(user, is_new=True)

    def get_user(self, username: str) -> User:
        return self._store.get_user(username)

    def login(self, username: str) -> Session:
        token, now = new_token(TokenKind.SESSION), self._clock()
        expires_at = now + self._session_lifetime
        self._store.insert_session(username, digest_of(token), now, expires_at)
        return Session(token, username, expires_at)

    def logout(self, token: str) -> None:
        if kind_of_token(token) is TokenKind.SESSION:
            self._store.delete_session(digest_of(token))

    def authenticate(self, token: str) -> Identity:
        kind = kind_of_token(token)
        identity = self._store.find_identity(kind, digest_of(token)) if kind else None
        if identity is None or has_expired(identity, self._clock()):
            raise Unauthenticated("The token is unknown, expired or revoked.")
        return identity

    def create_token(
        self,
        username: str,
        name: str,
        scopes: tuple[str, ...] | None = None,
        expires_at: datetime | None = None,
    ) -> NewApiToken:
        now = self._clock()
        request = check_token_request(name, scopes, expires_at, now)
        token = new_token(TokenKind.API_TOKEN)
        with self._store.transaction() as transaction:
            transaction.lock_account(username)
            transaction.delete_expired_tokens(username, now)
            if transaction.count_tokens(username) >= MAX_TOKENS:
                raise FailedPrecondition(f"You have {MAX_TOKENS} tokens, as many as one may have.")
            details = transaction.insert_token(username, digest_of(token), request, now)
        return NewApiToken(token, details)

    def get_tokens(self, username: str) -> list[ApiToken]:
        return list(self._store.get_tokens(username, self._clock()))

    def revoke_token(self, username: str, token_id: int) -> None:
        self._store.delete_token(username, token_id, self._clock())

    def get_sessions(self, username: str) -> list[OpenSession]:
        return list(self._store.get_sessions(username, self._clock()))

    def delete_account(self, username: str) -> Deletion:
        now = self._clock()
        with self._store.transaction() as transaction:
            deletion_id = transaction.lock_for_deletion(username)
            if deletion_id is None:
                user = DeletedUser(str(uuid4()), username, now + self._quarantine)
                transaction.close_account(user, now, now + self._patience)
                transaction.publish(events.deleted(user))
                deletion_id = user.deletion_id
        return self._store.get_deletion(deletion_id)

    def get_deletion(self, deletion_id: str) -> Deletion:
        try:
            return self._store.get_deletion(str(UUID(deletion_id)))
        except ValueError:
            raise NotFound("There is no such deletion.") from None

    def create_feed_secret(self, username: str) -> FeedSecret:
        secret, now = new_feed_secret(), self._clock()
        self._store.put_feed_secret(username, digest_of(secret), now)
        return FeedSecret(secret, now)

    def get_feed_secret_time(self, username: str) -> datetime | None:
        return self._store.get_feed_secret_time(username)

    def revoke_feed_secret(self, username: str) -> None:
        self._store.delete_feed_secret(username)

    def get_feed_owner(self, secret: str) -> User:
        known = is_feed_secret(secret)
        owner = self._store.find_feed_owner(digest_of(secret)) if known else None
        if owner is None:
            raise NotFound("There is no such feed.")
        return owner

    def delete_expired(self, limit: int) -> int:
        """Removes sessions and tokens that have expired, of each ``limit`` at most, and returns how
        many. They are good for nothing already; this is to keep the tables small.
        """
        return self._store.delete_expired(self._clock(), limit)
