"""Page tokens: what comes out is what went in, and nothing forged comes through."""

import json
from base64 import urlsafe_b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delinkcious.errors import InvalidArgument
from delinkcious.object_model.paging import MAX_TOKEN_LENGTH, decode_token, encode_token

NAMES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=64)
NUMBERS = st.integers(0, 2**63 - 1)


@given(NAMES, NUMBERS)
def test_a_token_leads_to_the_key_it_was_made_of(name: str, number: int) -> None:
    assert decode_token(encode_token(name, number), (str, int)) == (name, number)


@given(st.text())
def test_any_text_is_a_token_or_an_invalid_argument(text: str) -> None:
    with suppress(InvalidArgument):
        decode_token(text, (str,))


@pytest.mark.parametrize(
    "token",
    [
        "",
        "nonsense",
        "é",
        encode_token(),
        encode_token("a"),
        encode_token(1, 2),
        encode_token("a", "b"),
        encode_token("a", 1, 2),
        encode_token("a\0", 1),
        encode_token("a", -1),
        encode_token("a", 2**63),
        encode_token("a", True),
        encode_token("a" * MAX_TOKEN_LENGTH, 1),
    ],
)
def test_a_token_of_another_list_or_forged_is_refused(token: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        decode_token(token, (str, int))
    assert [violation.field for violation in caught.value.violations] == ["start_token"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)


@given(JSON)
def test_a_forged_token_gives_a_key_that_a_store_can_look_for_or_none(content: object) -> None:
    forged = urlsafe_b64encode(json.dumps(content).encode()).decode()
    with suppress(InvalidArgument):
        name, number = decode_token(forged, (str, int))
        assert isinstance(name, str)
        assert "\0" not in name
        assert 0 <= int(number) < 2**63


@given(st.binary(max_size=40))
def test_any_bytes_are_a_token_or_an_invalid_argument(content: bytes) -> None:
    with suppress(InvalidArgument):
        decode_token(urlsafe_b64encode(content).decode(), (int,))
