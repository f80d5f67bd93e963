"""Bookmark files as browsers and link managers export them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from delinkcious.object_model.imports import FileFormat
from delinkcious.object_model.links import Visibility
from link_service.formats import ImportedLink, Row, RowError, UnreadableFile, read
from link_service.formats.rows import MAX_ROW_LENGTH

DOCTYPE = "<!DOCTYPE NETSCAPE-Bookmark-file-1>\n"
SAMPLES = Path(__file__).parent / "samples"
MOMENT = datetime(2013, 4, 17, 17, 47, 12, tzinfo=UTC)


def sample(name: str) -> str:
    return (SAMPLES / name).read_text()


def rows(text: str | bytes, *, folders: bool = False) -> list[Row]:
    data = text if isinstance(text, bytes) else text.encode()
    return list(read(FileFormat.HTML, [data], folders_as_tags=folders))


def links(text: str | bytes, *, folders: bool = False) -> list[ImportedLink]:
    return [row for row in rows(text, folders=folders) if isinstance(row, ImportedLink)]


def link(text: str) -> ImportedLink:
    [found] = rows(DOCTYPE + text)
    assert isinstance(found, ImportedLink)
    return found


def test_chrome() -> None:
    assert links(sample("chrome.html")) == [
        ImportedLink(11, "https://a.example/?x=1&y=2", "A & B", created_at=MOMENT),
        ImportedLink(14, "https://b.example/", "<script>alert(1)</script>", created_at=MOMENT),
        ImportedLink(17, "https://c.example/", "C"),
    ]


def test_firefox() -> None:
    assert links(sample("firefox.html")) == [
        ImportedLink(
            10,
            "https://a.example/",
            "A",
            "Of A",
            ("two words", "x"),
            created_at=MOMENT,
            updated_at=MOMENT.replace(second=13),
        ),
        ImportedLink(13, "place:type=6&sort=14", "Recent", tags=("one tag",)),
    ]


def test_safari() -> None:
    assert links(sample("safari.html"), folders=True) == [
        ImportedLink(8, "https://a.example/", "A", tags=("Favourites",)),
        ImportedLink(10, "https://b.example/", "B"),
    ]


def test_delicious_did_not_escape_descriptions() -> None:
    assert links(sample("delicious.html")) == [
        ImportedLink(
            5,
            "http://a.example/",
            "A",
            "Use <vector> rather than <b>arrays</b>\n"
            'and see <a href="http://other.example/">this</a>',
            ("science", "Correlation"),
            Visibility.PUBLIC,
            MOMENT,
        ),
        ImportedLink(8, "http://b.example/", "B", visibility=Visibility.PRIVATE, created_at=MOMENT),
    ]


def test_pinboard() -> None:
    assert links(sample("pinboard.html")) == [
        ImportedLink(
            5,
            "http://a.example/",
            "A",
            "One line\n\nanother",
            ("x", "y", "toread"),
            Visibility.PRIVATE,
            MOMENT,
        ),
        ImportedLink(9, "http://b.example/", "B", visibility=Visibility.PUBLIC, created_at=MOMENT),
    ]


def test_pocket() -> None:
    assert links(sample("pocket.html")) == [
        ImportedLink(4, "http://a.example/", "A", tags=("x", "y"), created_at=MOMENT),
        ImportedLink(6, "http://b.example/", "B", created_at=MOMENT),
    ]


def test_google_repeats_a_link_for_each_label() -> None:
    moment = MOMENT.replace(microsecond=123456)
    assert links(sample("google.html"), folders=True) == [
        ImportedLink(5, "http://a.example/", "A", tags=("History",), created_at=moment),
        ImportedLink(9, "http://a.example/", "A", tags=("Programming",), created_at=moment),
    ]


def test_folders_become_tags_on_request_but_for_those_that_everybody_has() -> None:
    assert [found.tags for found in links(sample("chrome.html"), folders=True)] == [
        (),
        ("Recipes vegan",),
        (),
    ]
    assert [found.tags for found in links(sample("chrome.html"))] == [(), (), ()]


def test_folders_within_folders_are_tags_all() -> None:
    text = "<DL><DT><H3>a</H3><DL><DT><H3> b\n c</H3><DL><DT><A HREF=x></DL><DT><A HREF=y></DL>"
    found = links(f"{text}<DT><A HREF=z></DL></DL></DL><DT><A HREF=u>", folders=True)
    assert [found.tags for found in found] == [("a", "b c"), ("a",), (), ()]


def test_a_folder_name_longer_than_a_tag_is_cut() -> None:
    [found] = links(f"<DL><DT><H3>{'x' * 100}</H3><DL><DT><A HREF=x>", folders=True)
    assert found.tags == ("x" * 64,)


def test_folders_may_be_as_deep_as_one_likes() -> None:
    deep = 10_000
    folders = "".join(f"<H3>{number}</H3><DL>" for number in range(deep))
    found = links(
        f"{folders}<A HREF=x>{'</DL>' * (deep - 1)}<A HREF=y></DL><A HREF=z>", folders=True
    )
    assert [len(found.tags) for found in found] == [100, 1, 0]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\r"])
def test_lines_may_end_in_any_way(end: str) -> None:
    text = sample("pinboard.html").replace("\n", end)
    assert links(text) == links(sample("pinboard.html"))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_byte_order_mark_is_no_matter(encoding: str) -> None:
    assert links(sample("chrome.html").encode(encoding)) == links(sample("chrome.html"))


def test_the_meta_names_the_charset() -> None:
    text = f"{DOCTYPE}<META CONTENT='text/html; charset=windows-1251'><DT><A HREF=x>Закладка"
    assert [found.title for found in links(text.encode("cp1251"))] == ["Закладка"]


def test_nothing_needs_to_be_closed() -> None:
    assert links("<DL><DT><A HREF=x>X<DD>of x<DT><A HREF=y>Y\n<DD>of y") == [
        ImportedLink(1, "x", "X", "of x"),
        ImportedLink(1, "y", "Y", "of y"),
    ]


def test_ends_may_be_everywhere() -> None:
    text = "<dl><dt><a href=x>X</a></dt><dd>of x</dd><dt><a href=y>Y</a></dt></dl></body></html>"
    assert links(text) == [ImportedLink(1, "x", "X", "of x"), ImportedLink(1, "y", "Y")]


def test_links_may_stand_outside_of_lists() -> None:
    assert links('<A HREF="x" TAGS="">X</A><DD>of x<A HREF="y">Y</A>') == [
        ImportedLink(1, "x", "X", "of x"),
        ImportedLink(1, "y", "Y"),
    ]


def test_a_title_is_one_line_and_a_description_several() -> None:
    found = link("<DT><A HREF=x>\n A\n  title<br>of<p>x </A>\n<DD> one<br>two\n  three\n")
    assert (found.title, found.description) == ("A title of x", "one\ntwo\n  three")


def test_white_space_that_is_written_as_a_reference_is_kept() -> None:
    found = link("<DT><A HREF=x>&#32;a&#10;&#32;b </A><DD>\n&#13;\nc&#9;\n")
    assert (found.title, found.description) == (" a\n b", "\r\nc\t")


def test_the_description_of_a_folder_is_nobodys() -> None:
    text = "<DL><DT><A HREF=x>X</A><DT><H3>f</H3><DD>of f<DL><DT><A HREF=y>Y</A></DL></DL>"
    assert [found.description for found in links(text)] == ["", ""]


def tags_of(*texts: str, before: str = "") -> list[tuple[str, ...]]:
    items = "".join(f'<DT><A HREF=x TAGS="{text}">' for text in texts)
    return [found.tags for found in links(before + items)]


def test_tags_have_spaces_between_them_in_files_without_commas() -> None:
    assert tags_of("a b", "c") == [("a", "b"), ("c",)]


@pytest.mark.parametrize("several", ["c d, e", "h i,"])
def test_one_comma_says_that_tags_have_spaces_in_them_from_the_first_to_the_last(
    several: str,
) -> None:
    first, _, last = tags_of("a b", several, "f g")
    assert (first, last) == (("a b",), ("f g",))


def test_a_comma_that_is_far_away_says_it_of_what_follows() -> None:
    """Nobody reads a large file twice."""
    far = f"<!-- {'x' * MAX_ROW_LENGTH * 2} -->"
    items = f'<DT><A HREF=x TAGS="a b">{far}<DT><A HREF=x TAGS="c,d e"><DT><A HREF=x TAGS="f g">'
    found = [link.tags for link in links(items)]
    assert found == [("a", "b"), ("c", "d e"), ("f g",)]


def test_commas_elsewhere_say_nothing_of_tags() -> None:
    before = '<DT><A HREF="http://x/?tags=a,b" TITLE="tags: a, b">tags="a'
    assert tags_of("a b", before=before)[1:] == [("a", "b")]


@pytest.mark.parametrize(
    ("attributes", "visibility"),
    [
        ("", None),
        ("PRIVATE=1", Visibility.PRIVATE),
        ("PRIVATE", Visibility.PRIVATE),
        ('PRIVATE=""', Visibility.PRIVATE),
        ("PRIVATE=0", Visibility.PUBLIC),
        ("PUBLIC=1", Visibility.PUBLIC),
        ("PUBLIC=0", Visibility.PRIVATE),
    ],
)
def test_who_may_see_a_link_is_said_in_two_ways(
    attributes: str, visibility: Visibility | None
) -> None:
    assert link(f"<DT><A HREF=x {attributes}>").visibility is visibility


def test_a_link_with_a_date_that_is_none_is_kept() -> None:
    found = link("<DT><A HREF=x ADD_DATE=yesterday TAGS=a>X<DD>of x")
    assert (found.title, found.tags, found.created_at) == ("X", ("a",), None)
    assert found.remarks == ("created_at: 'yesterday' is no date; the link was kept without it",)


def test_a_link_without_an_address_is_an_error_and_the_others_are_read() -> None:
    assert rows("<DL><DT><A NAME=x>X</A>\n<DT><A HREF=y>Y</A>") == [
        RowError(1, "url: is missing"),
        ImportedLink(2, "y", "Y"),
    ]


@pytest.mark.parametrize(
    "title", ["x" * MAX_ROW_LENGTH * 2, ("x" * 64 + "<b>") * (MAX_ROW_LENGTH // 64 + 1)]
)
def test_a_link_longer_than_a_row_is_an_error_and_the_others_are_read(title: str) -> None:
    assert rows(f"<DL><DT><A HREF=x>{title}</A>\n<DT><A HREF=y>Y</A>") == [
        RowError(1, "is longer than 262144 characters"),
        ImportedLink(2, "y", "Y"),
    ]


def test_a_file_that_was_cut_off_in_a_tag_says_so() -> None:
    *_, last = rows(DOCTYPE + '<DT><A HREF="http://a.example/">A</A>\n<DT><A HREF="http://exa')
    assert isinstance(last, RowError)
    assert last.line == 3
    assert "cut off" in last.detail


def test_a_collection_may_be_empty() -> None:
    assert rows(DOCTYPE) == []


def test_a_web_page_is_no_bookmark_file() -> None:
    with pytest.raises(UnreadableFile, match="web page"):
        rows("<!DOCTYPE html><title>Hi</title><p>See <a href='/x'>this</a>")


@pytest.mark.parametrize("text", ["", "Hello", "[]", "url,title\n", "<p>Hello"])
def test_a_file_without_any_sign_of_bookmarks_is_none(text: str) -> None:
    with pytest.raises(UnreadableFile, match="not a file of bookmarks"):
        rows(text)
