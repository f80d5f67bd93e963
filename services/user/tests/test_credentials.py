"""When credentials end, and which uses are noted."""

from datetime import UTC, datetime, timedelta

import pytest

from delinkcious.object_model.users import TokenKind
from user_service.credentials import Credential, Expiry

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)
EXPIRY = Expiry(timedelta(days=30), timedelta(days=7))


def credential(
    kind: TokenKind = TokenKind.SESSION,
    *,
    expires_in: float | None = 30,
    used: float | None = 0,
) -> Credential:
    """Returns one that was used so many days ago."""
    expires_at = None if expires_in is None else NOW + timedelta(days=expires_in)
    last_used_at = None if used is None else NOW - timedelta(days=used)
    return Credential(kind, 7, "alice", None, expires_at, last_used_at)


@pytest.mark.parametrize(
    ("found", "end"),
    [
        (credential(used=0), 7),
        (credential(used=6), 1),
        (credential(expires_in=3), 3),
        (credential(TokenKind.API_TOKEN, used=300), 30),
        (credential(TokenKind.API_TOKEN, expires_in=None, used=None), None),
    ],
)
def test_a_session_ends_by_its_age_or_its_idleness_and_a_token_only_by_its_age(
    found: Credential, end: float | None
) -> None:
    expected = None if end is None else NOW + timedelta(days=end)
    assert EXPIRY.end(found) == expected
    assert EXPIRY.identity(found).expires_at == expected


@pytest.mark.parametrize(("idle", "noted"), [(7 * 86_400, 60), (600, 60), (100, 10), (0.5, 0.05)])
def test_what_is_noted_is_never_far_behind_the_end(idle: float, noted: float) -> None:
    expiry = Expiry(timedelta(days=30), timedelta(seconds=idle))
    assert expiry.noted == timedelta(seconds=noted)


def test_whose_it_is_says_which_session_or_token_it_is() -> None:
    session = EXPIRY.identity(credential())
    token = EXPIRY.identity(credential(TokenKind.API_TOKEN))
    assert (session.session_id, session.token_id) == (7, None)
    assert (token.session_id, token.token_id) == (None, 7)
