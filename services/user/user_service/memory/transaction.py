"""A transaction on the store in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from delinkcious.deletion import DeletedUser
from delinkcious.errors import AlreadyExists, NotFound
from delinkcious.object_model.users import ApiToken, GitHubIdentity, OpenSession, User
from delinkcious.outbox import Entry
from user_service.domain import TokenRequest
from user_service.memory.state import KeptDeletion, KeptFeed, KeptSession, KeptToken, State, is_live
from user_service.ports import RemovedToken


class InMemoryUserTransaction:
    """One transaction; see `user_service.ports.UserTransaction`."""

    def __init__(self, state: State) -> None:
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
        state.deletions[user.deletion_id] = KeptDeletion(user, now, tell_at)
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
        self._state.sessions[digest] = KeptSession(username, details)
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
            if token.username != username or is_live(token.details, now)
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
        self._state.tokens[digest] = KeptToken(username, details)
        return details

    def delete_tokens(
        self, username: str, now: datetime, token_id: int | None = None
    ) -> Sequence[RemovedToken]:
        chosen = [
            RemovedToken(digest, token.details.id, token.details.name)
            for digest, token in self._state.tokens.items()
            if token.username == username
            and is_live(token.details, now)
            and token_id in {None, token.details.id}
        ]
        for removed in chosen:
            del self._state.tokens[removed.digest]
        return chosen

    def put_feed_secret(self, username: str, digest: bytes, now: datetime) -> None:
        self._state.user(username)
        self._state.feeds[username] = KeptFeed(digest, now)

    def delete_feed_secret(self, username: str) -> None:
        if self._state.feeds.pop(username, None) is None:
            raise NotFound("Your news feed has no secret address.")

    def publish(self, *events: Entry) -> None:
        self._state.events.extend(events)
