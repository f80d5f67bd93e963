"""The store in memory; see `user_service.ports.UserStore`."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from delinkcious.audit import Act
from delinkcious.errors import NotFound
from delinkcious.object_model.audit import AuditEntry, AuditPage
from delinkcious.object_model.users import ApiToken, Deletion, OpenSession, TokenKind, User
from delinkcious.outbox import Entry
from user_service import events
from user_service.audit_page import page_of, place_before
from user_service.credentials import LOGIN_MEMORY, Credential
from user_service.domain import CLOCKS_AGREE, kept_of, pause_after
from user_service.memory.state import KeptSession, KeptToken, State, is_live
from user_service.memory.transaction import InMemoryUserTransaction
from user_service.ports import Hanging, Overview


class InMemoryUserStore:
    """Keeps users in memory; see `user_service.ports.UserStore`."""

    def __init__(self) -> None:
        self._state = State()
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
                if isinstance(found, KeptSession):
                    details = replace(found.details, last_used_at=now)
                    self._state.sessions[digest] = replace(found, details=details)
                else:
                    token = replace(found.details, last_used_at=now)
                    self._state.tokens[digest] = replace(found, details=token)

    def _held(self, kind: TokenKind) -> Mapping[bytes, KeptSession | KeptToken]:
        return self._state.sessions if kind is TokenKind.SESSION else self._state.tokens

    def get_tokens(self, username: str, now: datetime) -> Sequence[ApiToken]:
        with self._lock:
            tokens = self._state.tokens_of(username)
        return [token.details for token in tokens if is_live(token.details, now)]

    def delete_expired(self, now: datetime, limit: int) -> int:
        with self._lock:
            sessions, tokens = self._state.sessions, self._state.tokens
            logins = self._state.finished_logins
            old_logins = [key for key, at in logins.items() if at <= now - LOGIN_MEMORY]
            old_sessions = [key for key, one in sessions.items() if not is_live(one.details, now)]
            old_tokens = [key for key, one in tokens.items() if not is_live(one.details, now)]
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
