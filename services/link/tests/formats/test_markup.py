"""Tags of any quality."""

import pytest

from link_service.formats.markup import (
    Broken,
    Tag,
    Text,
    Token,
    tokens,
    unescape_attribute,
    unescape_text,
)
from link_service.formats.rows import MAX_ROW_LENGTH
from link_service.formats.window import Window

WANTED = frozenset({"href", "tags", "private"})


def read(text: str) -> list[Token]:
    return [token for token in tokens(Window(iter([text])), WANTED) if token != Text("")]


def attributes(tag: str) -> dict[str, str]:
    [found] = read(tag)
    assert isinstance(found, Tag)
    return found.attributes


def names(text: str) -> list[str]:
    return [found.name if isinstance(found, Tag) else f"'{found[0]}'" for found in read(text)]


def test_tags_have_a_name_in_lower_case_and_the_line_they_begin_on() -> None:
    assert read("x\n<A\nHREF=a>y</A>") == [
        Text("x\n"),
        Tag("a", 2, {"href": "a"}, "<A\nHREF=a>"),
        Text("y"),
        Tag("/a", 3, {}, "</A>"),
    ]


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ('<a href="x y" tags=\'"\'>', {"href": "x y", "tags": '"'}),
        ("<a href = x tags=y/>", {"href": "x", "tags": "y/"}),
        ("<a href=it's>", {"href": "it's"}),
        ("<a private href=x>", {"private": "", "href": "x"}),
        ('<a href="x"tags="y">', {"href": "x", "tags": "y"}),
        ("<a href=x href=y>", {"href": "x"}),
        ('<a icon="a>b" href=x>', {"href": "x"}),
        ('<a href="<x>">', {"href": "<x>"}),
        ("<a = href=x>", {"href": "x"}),
        ('<a ="q" href=x>', {"href": "x"}),
        ("<a/href=x>", {"href": "x"}),
        ("<a>", {}),
    ],
)
def test_attributes_are_read_as_browsers_read_them(tag: str, expected: dict[str, str]) -> None:
    assert attributes(tag) == expected


def test_a_tag_that_is_not_closed_ends_where_the_next_begins() -> None:
    assert names("<dl<dt><a href=x</a>") == ["dl", "dt", "a", "/a"]


def test_a_quote_that_is_not_closed_before_the_next_link_ends_at_a_space_or_the_tags_end() -> None:
    found = read('<A HREF="http://x>title</A>\n<DT><A HREF="http://y">')
    assert [tag.attributes for tag in found if isinstance(tag, Tag) and tag.name == "a"] == [
        {"href": "http://x"},
        {"href": "http://y"},
    ]


@pytest.mark.parametrize("text", ["1 < 2", "<", "a <3", "</>", "<!", "<!x", "<?php", "< a>"])
def test_what_only_looks_like_a_tag_is_text(text: str) -> None:
    assert "".join(found.source for found in read(text) if isinstance(found, Text)) == text


@pytest.mark.parametrize("comment", ["<!-- <a href=x> -->", "<!---->", "<!-->", "<!--->"])
def test_comments_are_nothing(comment: str) -> None:
    assert names(f"<dl>{comment}<dt>") == ["dl", "dt"]


def test_a_comment_that_never_ends_is_broken() -> None:
    assert read("<dl>\n<!-- <a href=x>") == [
        Tag("dl", 1, {}, "<dl>"),
        Text("\n"),
        Broken(2, "a comment begins here and never ends: nothing after it was read"),
    ]


def test_a_tag_that_the_file_ends_in_is_broken() -> None:
    [found] = read('<a href="http://exa')
    assert isinstance(found, Broken)
    assert "cut off" in found.detail


def test_a_tag_longer_than_a_row_is_broken_and_reading_goes_on() -> None:
    long, *_, last = read("<a " + "b=1 " * MAX_ROW_LENGTH + "><dt>")
    assert isinstance(long, Broken)
    assert "longer than" in long.detail
    assert isinstance(last, Tag)
    assert last.name == "dt"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("?a=1&copy=2&reg=3", "?a=1&copy=2&reg=3"),
        ("?a=1&amp;copy=2", "?a=1&copy=2"),
        ("&copyright", "&copyright"),
        ("&copy;&#x41;&#66", "©AB"),
        ("&lt&unknown;", "<&unknown;"),
    ],
)
def test_references_in_attributes_are_replaced_where_they_are_meant(
    written: str, meant: str
) -> None:
    assert unescape_attribute(written) == meant


@pytest.mark.parametrize(
    "number", ["#0", "#xD800", "#x110000", "#" + "9" * 5000, "#x" + "f" * 5000]
)
def test_references_to_no_character_are_replaced_by_one(number: str) -> None:
    assert unescape_text(f"a&{number};b") == "a\ufffdb"
