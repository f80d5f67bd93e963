"""Whom a token belongs to: asked of the user service, and remembered for a few seconds.

What is remembered here is the only thing that a revoked token can still be good for. The process
that revokes it drops it at once; the others when they are told (`api_gateway.revocations`), and
otherwise within those seconds (ADR-0016).
"""

import hashlib
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Final

from delinkcious.errors import Unauthenticated
from delinkcious.object_model.users import Identity, UserManager

MAX_TOKEN_LENGTH: Final = 512


@dataclass(frozen=True, slots=True)
class _Known:
    identity: Identity
    until: float


class Sessions:
    """Verifies tokens. Safe to share between threads.

    Only good answers are remembered: a token that is unknown now may be valid the next moment.

    Args:
        seconds: for how long an answer of the user service is taken to be true still.
        size: how many are remembered; the oldest is forgotten first.
    """

    def __init__(
        self,
        users: UserManager,
        *,
        seconds: float,
        size: int,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._users = users
        self._seconds = seconds
        self._size = size
        self._clock = clock
        self._known: dict[bytes, _Known] = {}
        self._forgotten = 0
        self._lock = threading.Lock()

    def identify(self, token: str) -> Identity:
        """Returns whom a token belongs to.

        Raises:
            Unauthenticated: it is unknown, expired or revoked.
            Unavailable: nothing is remembered of it, and the user service does not answer.
        """
        if len(token) > MAX_TOKEN_LENGTH:
            raise Unauthenticated("The token is not one of ours.")
        digest = _digest(token)
        with self._lock:
            known = self._known.get(digest)
            forgotten = self._forgotten
        now = self._clock()
        if known is not None and now < known.until:
            return known.identity
        identity = self._users.authenticate(token)
        self._remember(digest, identity, now, forgotten)
        return identity

    def forget(self, token: str) -> None:
        """Drops what is remembered of a token; to be called once it is no longer valid."""
        self.forget_digests([_digest(token)])

    def forget_digests(self, digests: Iterable[bytes]) -> None:
        """Drops what is remembered of the tokens that have these SHA-256."""
        with self._lock:
            self._forgotten += 1
            for digest in digests:
                self._known.pop(digest, None)

    def forget_user(self, username: str) -> None:
        """Drops what is remembered of every token of a user."""
        with self._lock:
            self._forgotten += 1
            self._known = {
                digest: known
                for digest, known in self._known.items()
                if known.identity.username != username
            }

    def forget_everything(self) -> None:
        """Drops all that is remembered."""
        with self._lock:
            self._forgotten += 1
            self._known = {}

    def _remember(self, digest: bytes, identity: Identity, asked: float, forgotten: int) -> None:
        until = asked + min(self._seconds, _seconds_left(identity))
        with self._lock:
            if self._forgotten != forgotten:
                return  # it may be this token that was forgotten while its answer was on the way
            self._known.pop(digest, None)
            self._known[digest] = _Known(identity, until)
            if len(self._known) > self._size:
                del self._known[next(iter(self._known))]


def _seconds_left(identity: Identity) -> float:
    if identity.expires_at is None:
        return float("inf")
    return (identity.expires_at - datetime.now(UTC)).total_seconds()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
