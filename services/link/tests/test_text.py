"""What a word is."""

# ruff: noqa: RUF001  (letters that look like others are what this is about)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from link_service.text import MAX_WORD_LENGTH, fold, query_words, url_words, words

SAME = [
    ("Python", "pYTHON"),
    ("Café", "cafe\u0301"),
    ("Ünïcödé", "unicode"),
    ("STRASSE", "straße"),
    ("Łódź", "lodz"),
    ("Øystein Æbeltoft", "oystein aebeltoft"),
    ("İstanbul ısı", "istanbul isi"),
    ("ΟΔΟΣ", "οδός"),
    ("ﬁnance", "finance"),
    ("ｆｕｌｌ ｗｉｄｔｈ", "full width"),
    ("ﾊﾟﾝ", "パン"),
    ("ё й", "е и"),
    ("שָׁלוֹם", "שלום"),
    ("الْعَرَبِيَّة", "العربية"),
    ("co\u00adoperate", "cooperate"),
]

DIFFERENT = [
    ("か", "が"),
    ("はん", "ぱん"),
    ("한", "하"),
    ("हिन्दी", "हन्द"),
    ("2", "3"),
]

WORDS = [
    ("How to write good code", ["how", "to", "write", "good", "code"]),
    ("don't & won’t", ["don", "t", "won", "t"]),
    ("C++, C# and F*", ["c", "c", "and", "f"]),
    ("snake_case __init__", ["snake", "case", "init"]),
    ("3.11 1,000", ["3", "11", "1", "000"]),
    ("m² ½ Foo™", ["m2", "1", "2", "foo"]),
    ("Python入門", ["python", "入", "門"]),
    ("東京タワー", ["東", "京", "タ", "ワ", "ー"]),
    ("한국어 검색", ["한", "국", "어", "검", "색"]),
    ("हिन्दी में", ["हिन्दी", "में"]),
    ("สวัสดี", ["ส", "วั", "ส", "ดี"]),
    ("🎉 … – !", []),
    ("", []),
    ("\x00\ud800", []),
]

URLS = [
    ("https://de.wikipedia.org/wiki/M%C3%BCnchen", "https de wikipedia org wiki munchen"),
    ("http://xn--bcher-kva.example/a?b=1#c", "http bucher example a b 1 c"),
    ("http://xn--a.example/", "http xn a example"),
    ("http://a.example/%ff%zz%", "http a example zz"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_case_accents_and_width_are_ignored(one: str, other: str) -> None:
    assert words(one) == words(other) != []


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_signs_that_make_another_letter_count(one: str, other: str) -> None:
    assert words(one) != words(other)


@pytest.mark.parametrize(("text", "found"), WORDS)
def test_words_are_letters_and_digits_side_by_side(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(("url", "found"), URLS)
def test_the_words_of_a_url_are_as_people_read_it(url: str, found: str) -> None:
    assert url_words(url) == found.split()


@pytest.mark.parametrize(
    "start", ["", "http://", "https://", "HTTPS://", "http://www.", "https://www."]
)
def test_the_start_of_a_searched_url_does_not_matter(start: str) -> None:
    assert query_words(f"{start}example.com/M%C3%BC", is_url=True) == [
        *("example", "com", "mu"),
    ]


def test_a_start_alone_is_searched_as_it_is() -> None:
    assert query_words("https://") == ["https"]
    assert query_words("https", is_url=True) == ["https"]


def test_only_urls_are_decoded() -> None:
    assert query_words("100%25") == ["100", "25"]
    assert query_words("https://a/100%25") == ["a", "100"]


def test_a_long_word_counts_with_its_beginning() -> None:
    assert words("x" * 200 + " y") == ["x" * MAX_WORD_LENGTH, "y"]


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_words_are_words_again(text: str) -> None:
    for word in words(text):
        assert words(word) == [word]


@given(st.text(), st.text())
def test_a_space_joins_the_words_of_two_texts(one: str, other: str) -> None:
    assert words(f"{one} {other}") == words(one) + words(other)
