"""The use cases of users: accounts and their end, sessions, API tokens and the secrets of feeds."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from delinkcious.audit import NOWHERE, Act, Action, Origin
from delinkcious.audit.act import Detail
from delinkcious.audit.origin import cleaned
from delinkcious.deletion import DeletedUser
from delinkcious.errors import AlreadyExists, FailedPrecondition, NotFound, Unauthenticated
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
from delinkcious.outbox import Entry
from delinkcious.revocation import Revocation
from user_service import events
from user_service.credentials import MAX_CLIENT_LENGTH, MAX_SESSIONS, Expiry
from user_service.domain import (
    check_token_request,
    digest_of,
    new_feed_secret,
    new_token,
    usernames_for,
)
from user_service.live import Features
from user_service.ports import RemovedToken, UserStore, UserTransaction


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _nowhere() -> Origin:
    return NOWHERE


@dataclass(frozen=True, slots=True)
class Registration:
    """An account, and whether it is new."""

    user: User
    is_new: bool


class UserManager:
    """Keeps accounts and secrets; see `delinkcious.object_model.users.UserManager`.

    Args:
        session_lifetime: from a login to the end of its session, used or not.
        idle_lifetime: from the last use of a session to its end.
        quarantine: from the deletion of an account until its name is free again, at the least.
        patience: how long services have to confirm a deletion.
        origin: tells from where what happens now is done, for the audit trail.
        features: returns what is switched on.
    """

    def __init__(
        self,
        store: UserStore,
        session_lifetime: timedelta,
        clock: Callable[[], datetime] = _utc_now,
        *,
        idle_lifetime: timedelta = timedelta(days=7),
        quarantine: timedelta = timedelta(seconds=20),
        patience: timedelta = timedelta(minutes=5),
        origin: Callable[[], Origin] = _nowhere,
        features: Callable[[], Features] = Features,
    ) -> None:
        self._store = store
        self._quarantine = quarantine
        self._patience = patience
        self._expiry = Expiry(session_lifetime, idle_lifetime)
        self._clock = clock
        self._origin = origin
        self._features = features

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
                if not self._features().registration:
                    raise FailedPrecondition("No new accounts are taken at the moment.")
                if user := transaction.insert_account(next(usernames), identity):
                    created = self._done(Action.ACCOUNT_CREATED, user.username)
                    transaction.publish(events.registered(user), created)
                    return Registration(user, is_new=True)

    def get_user(self, username: str) -> User:
        return self._store.get_user(username)

    def login(self, username: str, client: str = "", state: str = "") -> Session:
        token, now = new_token(TokenKind.SESSION), self._clock()
        digest, expires_at = digest_of(token), now + self._expiry.absolute
        with self._store.transaction() as transaction:
            if state and not transaction.finish_login(digest_of(state), now):
                raise AlreadyExists.of("state", "this login has opened its session already")
            shown = cleaned(client, MAX_CLIENT_LENGTH)
            session_id = transaction.insert_session(username, digest, shown, now, expires_at)
            transaction.publish(self._done(Action.LOGGED_IN, username, session_id=session_id))
            if surplus := transaction.delete_surplus_sessions(username, MAX_SESSIONS):
                transaction.publish(events.revoked(Revocation.of_some(username, surplus)))
        return Session(token, username, expires_at)

    def logout(self, token: str) -> None:
        if kind_of_token(token) is not TokenKind.SESSION:
            return
        digest = digest_of(token)
        with self._store.transaction() as transaction:
            if username := transaction.delete_session(digest):
                transaction.publish(
                    events.revoked(Revocation.of_some(username, [digest])),
                    self._done(Action.LOGGED_OUT, username),
                )

    def authenticate(self, token: str) -> Identity:
        kind, now = kind_of_token(token), self._clock()
        credential = self._store.find(kind, digest_of(token)) if kind else None
        if credential is None or self._expiry.has_ended(credential, now):
            raise Unauthenticated("The token is unknown, expired or revoked.")
        if self._expiry.is_to_be_noted(credential, now):
            before = now - self._expiry.noted
            self._store.touch(credential.kind, digest_of(token), now, before)
            credential = replace(credential, last_used_at=now)
        return self._expiry.identity(credential)

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
            transaction.publish(
                self._done(
                    Action.TOKEN_CREATED,
                    username,
                    token=details,
                    scopes=None if details.scopes is None else " ".join(details.scopes),
                )
            )
        return NewApiToken(token, details)

    def get_tokens(self, username: str) -> list[ApiToken]:
        return list(self._store.get_tokens(username, self._clock()))

    def revoke_token(self, username: str, token_id: int) -> None:
        with self._store.transaction() as transaction:
            if not self._revoke_tokens(transaction, username, token_id):
                raise NotFound("You have no such token.")

    def revoke_tokens(self, username: str) -> None:
        with self._store.transaction() as transaction:
            self._revoke_tokens(transaction, username)

    def _revoke_tokens(
        self, transaction: UserTransaction, username: str, token_id: int | None = None
    ) -> bool:
        """Returns whether there were any."""
        removed = transaction.delete_tokens(username, self._clock(), token_id)
        if removed:
            digests = [token.digest for token in removed]
            transaction.publish(
                events.revoked(Revocation.of_some(username, digests)),
                *(self._done(Action.TOKEN_REVOKED, username, token=token) for token in removed),
            )
        return bool(removed)

    def get_sessions(self, username: str) -> list[OpenSession]:
        now = self._clock()
        found = self._store.get_sessions(username, now, now - self._expiry.idle)
        return [self._expiry.shown(session) for session in found]

    def revoke_session(self, username: str, session_id: int) -> None:
        now = self._clock()
        with self._store.transaction() as transaction:
            idle_since = now - self._expiry.idle
            digests = transaction.delete_sessions(username, now, idle_since, session_id=session_id)
            if not digests:
                raise NotFound("You have no such session.")
            transaction.publish(
                events.revoked(Revocation.of_some(username, digests)),
                self._done(Action.SESSION_REVOKED, username, session_id=session_id),
            )

    def revoke_sessions(self, username: str, keep: int | None = None) -> None:
        now = self._clock()
        with self._store.transaction() as transaction:
            idle_since = now - self._expiry.idle
            if digests := transaction.delete_sessions(username, now, idle_since, keep=keep):
                transaction.publish(
                    events.revoked(Revocation.of_some(username, digests)),
                    self._done(Action.SESSIONS_REVOKED, username, count=len(digests)),
                )

    def delete_account(self, username: str) -> Deletion:
        now = self._clock()
        with self._store.transaction() as transaction:
            deletion_id = transaction.lock_for_deletion(username)
            if deletion_id is None:
                user = DeletedUser(str(uuid4()), username, now + self._quarantine)
                transaction.close_account(user, now, now + self._patience)
                transaction.publish(
                    events.revoked(Revocation(username)),
                    events.deleted(user),
                    _deleted(user.deletion_id),
                )
                deletion_id = user.deletion_id
        return self._store.get_deletion(deletion_id)

    def get_deletion(self, deletion_id: str) -> Deletion:
        try:
            return self._store.get_deletion(str(UUID(deletion_id)))
        except ValueError:
            raise NotFound("There is no such deletion.") from None

    def create_feed_secret(self, username: str) -> FeedSecret:
        secret, now = new_feed_secret(), self._clock()
        with self._store.transaction() as transaction:
            transaction.put_feed_secret(username, digest_of(secret), now)
            transaction.publish(self._done(Action.FEED_SECRET_CREATED, username))
        return FeedSecret(secret, now)

    def get_feed_secret_time(self, username: str) -> datetime | None:
        return self._store.get_feed_secret_time(username)

    def revoke_feed_secret(self, username: str) -> None:
        with self._store.transaction() as transaction:
            transaction.delete_feed_secret(username)
            transaction.publish(self._done(Action.FEED_SECRET_REVOKED, username))

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

    def _done(
        self,
        action: Action,
        username: str,
        *,
        token: ApiToken | RemovedToken | None = None,
        **details: Detail,
    ) -> Entry:
        """Returns what the audit trail is told."""
        act = Act(
            action=action,
            username=username,
            origin=self._origin(),
            token_id=token.id if token else None,
            token_name=token.name if token else None,
            details=details,
        )
        return events.audited(act, key=username)


def _deleted(deletion_id: str) -> Entry:
    """Returns what stays of an account in the audit trail: not whose it was, nor from where."""
    act = Act(action=Action.ACCOUNT_DELETED, details={"deletion_id": deletion_id})
    return events.audited(act, key=deletion_id)
