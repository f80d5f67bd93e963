"""Which names people get, and what tokens are and may be."""

import re
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from delinkcious.errors import InvalidArgument
from delinkcious.object_model.users import GitHubIdentity, Scope, TokenKind, kind_of_token
from delinkcious.schemas.common import Username
from user_service.domain import check_token_request, digest_of, new_token, usernames_for

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def names(login: str, github_id: int = 7) -> list[str]:
    return list(islice(usernames_for(GitHubIdentity(github_id, login, "", "")), 3))


def mistakes(name: str, scopes: list[str] | None, expires_at: datetime | None) -> list[str]:
    with pytest.raises(InvalidArgument) as caught:
        check_token_request(name, scopes, expires_at, NOW)
    return [violation.field for violation in caught.value.violations]


def test_the_first_choice_is_the_login_in_lower_case_and_then_the_id_tells_apart() -> None:
    assert names("Alice") == ["alice", "alice-7", "alice-7-2"]


@pytest.mark.parametrize(
    ("login", "username"),
    [
        ("mona_octo", "mona-octo"),
        ("old--style-", "old-style"),
        ("a.b@c", "a-b-c"),
        ("___", "user"),
        ("x" * 60, "x" * 39),
    ],
)
def test_a_login_of_another_form_becomes_a_username(login: str, username: str) -> None:
    assert names(login)[0] == username


@given(st.text(min_size=1, max_size=100), st.integers(1, 2**63 - 1))
def test_whatever_the_login_everybody_gets_a_username_that_all_services_take(
    login: str, github_id: int
) -> None:
    for name in names(login, github_id):
        assert TypeAdapter(Username).validate_python(name) == name


@pytest.mark.parametrize("kind", TokenKind)
def test_a_token_says_what_it_is_and_carries_256_random_bits(kind: TokenKind) -> None:
    token, other = new_token(kind), new_token(kind)
    assert re.fullmatch(kind + "[A-Za-z0-9_-]{43}", token)
    assert kind_of_token(token) is kind
    assert token != other
    assert digest_of(token) != digest_of(other)
    assert len(digest_of(token)) == 32


@pytest.mark.parametrize(
    "text", ["", "dls_", "dls_" + "a" * 42, "dls_" + "a" * 44, "dlx_" + "a" * 43, "é" * 47]
)
def test_what_has_not_the_form_of_a_token_is_none(text: str) -> None:
    assert kind_of_token(text) is None


def test_a_request_for_a_token_is_trimmed_and_its_scopes_put_in_order() -> None:
    scopes = ["news", "links:read", "news"]
    request = check_token_request("  my laptop ", scopes, LATER, NOW)
    assert request.name == "my laptop"
    assert request.scopes == ("links:read", "news")
    assert request.expires_at == LATER


def test_without_scopes_or_expiry_a_token_may_do_everything_for_ever() -> None:
    request = check_token_request("all", None, None, NOW)
    assert (request.scopes, request.expires_at) == (None, None)


def test_every_known_scope_may_be_given() -> None:
    assert check_token_request("all", list(Scope), None, NOW).scopes == tuple(Scope)


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\x00b", "a\nb", "\ud800"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    assert mistakes(name, None, None) == ["name"]


@pytest.mark.parametrize("scopes", [[], ["links"], ["links:read", "admin"], ["LINKS:READ"]])
def test_an_unknown_scope_or_none_at_all_is_refused(scopes: list[str]) -> None:
    assert mistakes("name", scopes, None) == ["scopes"]


@pytest.mark.parametrize(
    "expires_at",
    [
        NOW,
        NOW - timedelta(seconds=1),
        NOW.astimezone(timezone(timedelta(hours=14))),
        LATER.replace(tzinfo=None),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
    ],
)
def test_an_expiry_that_is_past_too_far_or_without_a_zone_is_refused(expires_at: datetime) -> None:
    assert mistakes("name", None, expires_at) == ["expires_at"]


def test_every_wrong_field_is_named() -> None:
    assert mistakes("", ["x"], NOW) == ["name", "scopes", "expires_at"]
