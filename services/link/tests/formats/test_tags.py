"""Several tags in one text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from link_service.formats.tags import join_tags, split_tags


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("a,b c", ["a", "b c"]),
        ("a b", ["a", "b"]),
        ("a;b|c", ["a", "b|c"]),
        ("a|b c", ["a", "b c"]),
        ("two words,", ["two words", ""]),
        ("", []),
    ],
)
def test_tags_are_between_the_first_separator_that_is_there(text: str, tags: list[str]) -> None:
    assert split_tags(text, ",;|") == tags


@given(st.lists(st.text(st.characters(exclude_characters=","), min_size=1)))
def test_joined_tags_come_apart_again(tags: list[str]) -> None:
    tags = [tag.strip() for tag in tags if tag.strip()]
    assert [tag for tag in split_tags(join_tags(tags), ",;|") if tag] == tags
