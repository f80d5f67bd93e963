"""Who may follow whom, and where pages begin and end."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delinkcious.errors import InvalidArgument
from delinkcious.object_model.paging import encode_token
from social_graph_service.domain import BEFORE_ALL, check_follow, page_start, to_page


def test_nobody_follows_himself() -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_follow("alice", "alice")
    assert [violation.field for violation in caught.value.violations] == ["followed"]


def test_anybody_may_follow_anybody_else() -> None:
    check_follow("alice", "bob")


def test_without_a_token_a_page_begins_before_all() -> None:
    assert page_start(None) == BEFORE_ALL


def test_the_token_of_a_page_leads_to_what_comes_after_it() -> None:
    page = to_page(["alice", "bob", "carol"], page_size=2)
    assert page.usernames == ("alice", "bob")
    assert page_start(page.next_page_token) == "bob"


@pytest.mark.parametrize("names", [[], ["alice"], ["alice", "bob"]])
def test_the_last_page_has_no_token_even_if_it_is_full(names: list[str]) -> None:
    page = to_page(names, page_size=2)
    assert (page.usernames, page.next_page_token) == (tuple(names), None)


@given(st.text())
def test_any_text_is_a_token_or_an_invalid_argument(text: str) -> None:
    for token in (text, encode_token(text), encode_token(text, 1)):
        with suppress(InvalidArgument):
            assert "\x00" not in page_start(token)
