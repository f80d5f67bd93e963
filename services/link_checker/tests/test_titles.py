"""What a text looks like as a title."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delinkcious.object_model.links import MAX_TITLE_LENGTH
from link_checker.titles import tidy

HINDI = "\u0930\u094d\u200d\u092f"
FAMILY = "👨\u200d👩\u200d👧"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("", ""),
        (" \r\n\t ", ""),
        ("\x00\x01\u200b\ufeff\u200d", ""),
        ("  a \n\t b\u00a0\u3000c\u2028d ", "a b c d"),
        ("a\x00b\x1b[31mc\x7f\x9d", "ab[31mc"),
        ("a \x00 b", "a b"),
        ("abc\u202egpj.exe", "abcgpj.exe"),
        ("soft\u00adware", "software"),
        (HINDI, HINDI),
        (FAMILY, FAMILY),
        ("<b>bold</b> & more", "<b>bold</b> & more"),
    ],
)
def test_a_title_is_one_line_of_what_can_be_seen(text: str, title: str) -> None:
    assert tidy(text) == title


def test_a_title_of_the_greatest_length_stays_whole() -> None:
    assert tidy("x" * 500) == "x" * 500


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("word " * 200, " word…"),
        ("x" * 490 + " " + "y" * 100, "x" * 490 + "…"),
        ("x" * 300 + " " + "y" * 300, "x" * 300 + " " + "y" * 198 + "…"),
        ("漢" * 600, "漢" * 499 + "…"),
        ("x" * 498 + "e\u0301" + "y" * 100, "x" * 498 + "…"),
        ("x" * 497 + FAMILY + "y" * 100, "x" * 497 + "…"),
        ("x" + "\u0301" * 600, "x" + "\u0301" * 498 + "…"),
    ],
)
def test_a_long_title_ends_after_a_word_or_at_least_a_character(text: str, end: str) -> None:
    title = tidy(text)
    assert title.endswith(end)
    assert len(title) <= MAX_TITLE_LENGTH


@given(st.text() | st.text(min_size=501, max_size=600))
def test_any_text_is_a_title_that_stays_as_it_is(text: str) -> None:
    title = tidy(text)
    assert len(title) <= MAX_TITLE_LENGTH
    assert tidy(title) == title
