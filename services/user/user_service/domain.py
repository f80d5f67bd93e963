"""The rules of users: which name somebody gets, what tokens and secrets are and may be, and how an
account is deleted.
"""

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

from delinkcious.audit import Act
from delinkcious.errors import InvalidArgument, Violation
from delinkcious.object_model.users import (
    FEED_SECRET_PREFIX,
    MAX_TOKEN_NAME_LENGTH,
    GitHubIdentity,
    Scope,
    TokenKind,
)

_MAX_LOGIN_LENGTH: Final = 39
_FURTHEST_EXPIRY: Final = timedelta(days=100 * 365)
_SECRET_BYTES: Final = 32

PARTICIPANTS: Final = ("link-manager", "news-manager", "social-graph-manager")
"""The services that keep something of users, and confirm that they have deleted it."""

_LONGEST_PAUSE: Final = timedelta(hours=1)

CLOCKS_AGREE: Final = timedelta(seconds=10)
"""How far the clocks of servers may be apart; a name changes hands later than that (ADR-0029)."""


def usernames_for(identity: GitHubIdentity) -> Iterator[str]:
    """Returns the usernames that somebody may get, the most wanted first, without end.

    First the login, in lower case. Logins of GitHub change hands, so it may be the name of another
    account here; then it is followed by the GitHub id. What usernames do not have, such as the
    underscore in logins of enterprises, becomes a hyphen.
    """
    login = re.sub(r"[^a-z0-9]+", "-", identity.login.lower())[:_MAX_LOGIN_LENGTH].strip("-")
    name = login or "user"
    yield name
    yield f"{name}-{identity.id}"
    for number in count(2):
        yield f"{name}-{identity.id}-{number}"


def new_token(kind: TokenKind) -> str:
    """Returns a secret of 256 random bits that says what it is."""
    return kind + secrets.token_urlsafe(_SECRET_BYTES)


def new_feed_secret() -> str:
    """Returns what makes the address of a news feed one that nobody can guess."""
    return FEED_SECRET_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def digest_of(token: str) -> bytes:
    """Returns what is stored of a token, or of another secret of ours.

    A plain hash is right for a secret that nobody can guess, and lets an index find it: how long
    that takes tells nothing of the token.
    """
    return hashlib.sha256(token.encode()).digest()


def pause_after(told: int, patience: timedelta) -> timedelta:
    """Returns how long to wait for services that were told so often to delete what they have."""
    doubled: timedelta = patience * 2 ** min(told, 16)
    return min(doubled, max(patience, _LONGEST_PAUSE))


def kept_of(act: Act, owner: str | None) -> Act | None:
    """Returns what the audit trail keeps of an act, or None if that is nothing.

    Of an account that is there no more it keeps nothing.

    Args:
        owner: whose account it concerns, if there is one.
    """
    if owner is None and act.username is not None:
        return None
    return replace(act, username=owner, github_id=None)


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """An API token that may be made."""

    name: str
    scopes: tuple[str, ...] | None
    expires_at: datetime | None


def check_token_request(
    name: str, scopes: Sequence[str] | None, expires_at: datetime | None, now: datetime
) -> TokenRequest:
    """Returns the request in its stored form: the name trimmed, scopes once and in their order.

    Raises:
        InvalidArgument: naming each wrong field.
    """
    name = name.strip()
    wrong = {
        "name": _mistake_in_name(name),
        "scopes": _mistake_in_scopes(scopes),
        "expires_at": _mistake_in_expiry(expires_at, now),
    }
    violations = [Violation(field, detail) for field, detail in wrong.items() if detail]
    if violations:
        detail = "; ".join(f"{v.field}: {v.detail}" for v in violations)
        raise InvalidArgument(detail, violations=violations)
    kept = None if scopes is None else tuple(scope.value for scope in Scope if scope in scopes)
    return TokenRequest(name, kept, expires_at.astimezone(UTC) if expires_at else None)


def _mistake_in_name(name: str) -> str | None:
    if not 1 <= len(name) <= MAX_TOKEN_NAME_LENGTH:
        return f"must have 1 to {MAX_TOKEN_NAME_LENGTH} characters"
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in name):
        return "must not contain control characters"
    return None


def _mistake_in_scopes(scopes: Sequence[str] | None) -> str | None:
    known = [scope.value for scope in Scope]
    if scopes is None or (scopes and set(scopes) <= set(known)):
        return None
    return f"must be one or more of {', '.join(known)}; left out, the token may do everything"


def _mistake_in_expiry(expires_at: datetime | None, now: datetime) -> str | None:
    if expires_at is None:
        return None
    if expires_at.tzinfo is None:
        return "must have a time zone"
    if expires_at <= now:
        return "must be in the future"
    if expires_at - now > _FURTHEST_EXPIRY:
        return "is too far away; leave it out for a token that does not expire"
    return None
