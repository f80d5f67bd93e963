"""From bytes to text."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from link_service.formats.rows import UnreadableFile
from link_service.formats.text import decode, with_line_feeds


def text_of(data: bytes, *, is_html: bool = False) -> str:
    return "".join(decode([data], is_html=is_html))


def declared(charset: str, text: str, encoding: str) -> str:
    meta = f'<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset={charset}">'
    return text_of(meta.encode() + text.encode(encoding), is_html=True).removeprefix(meta)


def test_text_is_utf_8() -> None:
    assert text_of("é, 漢字, 🙂".encode()) == "é, 漢字, 🙂"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_byte_order_mark_or_zeros_tell_the_charset_and_are_no_text(encoding: str) -> None:
    assert text_of("url,é漢🙂".encode(encoding)) == "url,é漢🙂"


def test_what_is_not_utf_8_is_windows_1252_even_within_utf_8() -> None:
    assert text_of("é ".encode() + "“œuvre”".encode("cp1252") + b" \x81") == "é “œuvre” \x81"


@pytest.mark.parametrize(
    ("charset", "encoding", "text"),
    [
        ("windows-1251", "cp1251", "Закладки"),
        ("ISO-8859-1", "cp1252", "“œuvre”"),
        ("shift_jis", "cp932", "日本語①"),
        ("gb2312", "gb18030", "中文€"),
        ("utf-8", "utf-8", "漢字"),
        ("'koi8-r'", "koi8-r", "Закладки"),
    ],
)
def test_html_says_its_charset_in_a_meta(charset: str, encoding: str, text: str) -> None:
    assert declared(charset, text, encoding) == text


@pytest.mark.parametrize("charset", ["utf-7", "idna", "zlib", "unicode_escape", "utf-16", "?", "x"])
def test_a_meta_that_names_no_charset_of_the_web_is_not_heeded(charset: str) -> None:
    assert declared(charset, "+AGE- \\u0061 é", "utf-8") == "+AGE- \\u0061 é"


def test_only_html_has_a_meta() -> None:
    text = "<meta charset=windows-1251>é"
    assert text_of(text.encode()) == text


@pytest.mark.parametrize(
    "start",
    [b"\x1f\x8b\x08\x00", b"PK\x03\x04\x14", b"\x89PNG\r\n", b"%PDF-1.7", b"SQLite format 3\x00"],
)
def test_a_file_that_is_known_not_to_be_text_is_refused_by_name(start: bytes) -> None:
    with pytest.raises(UnreadableFile) as caught:
        text_of(start)
    assert [violation.field for violation in caught.value.violations] == ["file"]


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)), st.booleans())
def test_blocks_do_not_depend_on_the_chunks(data: bytes, cuts: list[int], is_html: bool) -> None:
    places = [0, *sorted(cuts), len(data)]
    chunks = [data[begin:end] for begin, end in pairwise(places)]
    try:
        whole = text_of(data, is_html=is_html)
    except UnreadableFile:
        return
    assert "".join(decode(chunks, is_html=is_html)) == whole


def test_every_end_of_a_line_is_one_line_feed() -> None:
    text = "a\nb\rc\r\nd\n\re\r\n\r\nf\n\r\n\rg\n\nh\n"
    expected = "a\nb\nc\nd\ne\n\nf\n\ng\n\nh\n"
    assert "".join(with_line_feeds([text])) == expected
    assert "".join(with_line_feeds(text)) == expected
