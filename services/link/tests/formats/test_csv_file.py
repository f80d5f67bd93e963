"""CSV from spreadsheets and link managers."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from delinkcious.object_model.imports import FileFormat
from delinkcious.object_model.links import Visibility
from link_service.formats import ImportedLink, Row, RowError, UnreadableFile, read
from link_service.formats.rows import MAX_ROW_LENGTH

SAMPLES = Path(__file__).parent / "samples"
MOMENT = datetime(2013, 4, 17, 17, 47, 12, tzinfo=UTC)


def sample(name: str) -> str:
    return (SAMPLES / name).read_text()


def rows(text: str | bytes, *, folders: bool = False) -> list[Row]:
    data = text if isinstance(text, bytes) else text.encode()
    return list(read(FileFormat.CSV, [data], folders_as_tags=folders))


def link(text: str, *, folders: bool = False) -> ImportedLink:
    [found] = rows(text, folders=folders)
    assert isinstance(found, ImportedLink)
    return found


@pytest.mark.parametrize(
    ("text", "description", "tags"),
    [
        (sample("raindrop.csv"), "my note\n\nits excerpt", ("two words", "x", "Work", "Reading")),
        (sample("pocket.csv"), "", ("x", "two words")),
        (sample("instapaper.csv"), "quoted", ("Unread",)),
        (sample("diigo.csv"), "of A", ("x", "two")),
        (sample("wallabag.csv"), "", ("x", "y")),
    ],
    ids=["raindrop", "pocket", "instapaper", "diigo", "wallabag"],
)
def test_what_link_managers_export(text: str, description: str, tags: tuple[str, ...]) -> None:
    found = link(text, folders=True)
    assert found.title in {"A", 'A, "B"'}
    assert found == ImportedLink(
        2, "http://a.example/", found.title, description, tags, created_at=MOMENT
    )


def test_folders_are_no_tags_unless_one_asks() -> None:
    assert link(sample("instapaper.csv")).tags == ()


@pytest.mark.parametrize("name", ["url", "URL", "Link", " href ", "\ufeffurl"])
def test_columns_go_by_many_names(name: str) -> None:
    assert link(f"Name,{name}\nA,x\n") == ImportedLink(2, "x", "A")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_first_row_tells_what_is_between_the_columns(separator: str) -> None:
    text = "url,title,tags\nx,A;|\tb,".replace(",", separator)
    expected = "A;|\tb".split(separator)[0]
    assert link(text.replace("A;|\tb", f'"{expected}"')).title == expected


def test_excels_line_about_the_separator_is_heeded() -> None:
    assert link("sep=;\r\nurl;title\r\nx;A\r\n") == ImportedLink(3, "x", "A")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_charset_is_found_out(encoding: str) -> None:
    [found] = rows("url,title\nx,œuvre é\n".encode(encoding))
    assert found == ImportedLink(2, "x", "œuvre é")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_quoted_cells_keep_their_line_ends(end: str) -> None:
    text = end.join(["url,description", 'x,"a', "", 'b"', "y,c", ""])
    assert rows(text) == [
        ImportedLink(2, "x", description=f"a{end}{end}b"),
        ImportedLink(5, "y", description="c"),
    ]


@pytest.mark.parametrize("cell", ["=1+1", "+x", "-x", "@x", "'=1"])
def test_a_formula_is_a_text(cell: str) -> None:
    assert link(f"url,title\nx,{cell}\n").title == cell


def test_a_formula_that_we_have_hidden_is_revealed() -> None:
    header = "url,title,description,tags,visibility,created_at,updated_at"
    assert link(f"{header}\nx,'=1,''-,,private,,\n").title == "=1"


def test_a_quote_within_a_cell_is_a_quote() -> None:
    assert link('url,title\nx,27" screen\n').title == '27" screen'


@pytest.mark.parametrize(
    ("header", "cells", "visibility"),
    [
        ("visibility", "Private", Visibility.PRIVATE),
        ("private", "TRUE", Visibility.PRIVATE),
        ("private", "0", Visibility.PUBLIC),
        ("public", "no", Visibility.PRIVATE),
        ("shared", "yes", Visibility.PUBLIC),
        ("private", "", None),
    ],
)
def test_who_may_see_a_link(header: str, cells: str, visibility: Visibility | None) -> None:
    assert link(f"url,{header}\nx,{cells}\n").visibility is visibility


def test_what_is_to_be_read_gets_a_tag() -> None:
    assert link("url,toread\nx,yes\n").tags == ("toread",)


def test_short_and_blank_rows_are_no_matter() -> None:
    assert rows("\n\nurl,title,tags\n\nx\n,,\n   \ny,B,,,\n") == [
        ImportedLink(5, "x"),
        RowError(7, "url: is missing"),
        ImportedLink(8, "y", "B"),
    ]


def test_a_row_with_too_many_cells_is_an_error_and_the_others_are_read() -> None:
    assert rows("url,title\nx,a, b\ny,c\n") == [
        RowError(2, "has 3 cells, but the first row names 2 columns"),
        ImportedLink(3, "y", "c"),
    ]


@pytest.mark.parametrize("end", ['y,"b\nz,c\n', 'y,"b', '"y', 'y,b"c"\n,"'])
def test_a_quote_that_is_never_closed_is_an_error(end: str) -> None:
    *before, last = rows(f"url,title\nx,a\n{end}")
    assert before[0] == ImportedLink(2, "x", "a")
    assert isinstance(last, RowError)
    assert "a quote is not closed" in last.detail


@pytest.mark.parametrize("title", ['"a\n5"" disk"', '"a\nb" 5"', 'a "b'])
def test_a_last_row_with_an_odd_quote_is_a_link(title: str) -> None:
    assert len(rows(f"url,title\nx,{title}")) == 1
    assert link(f"url,title\nx,{title}").url == "x"


@pytest.mark.parametrize("long", ["x" * MAX_ROW_LENGTH * 3, '"' + "x" * MAX_ROW_LENGTH + '"'])
def test_a_row_that_is_too_long_is_an_error_and_the_others_are_read(long: str) -> None:
    first, second = rows(f"url,title\n{long},a\ny,b\n")
    assert isinstance(first, RowError)
    assert "longer than" in first.detail
    assert second == ImportedLink(3, "y", "b")


def test_a_quote_that_swallows_rows_costs_no_more_than_the_length_of_one() -> None:
    filler = "".join(f"http://{n}.example/,title\n" for n in range(30_000))
    first, *others = rows(f'url,title\nx,"a\n{filler}')
    assert isinstance(first, RowError)
    assert first.line == 2
    assert others
    assert all(isinstance(row, ImportedLink) for row in others)


@pytest.mark.parametrize(
    "text",
    ["", "\n\n", "hello\n", "title,name\nx,y\n", "<!DOCTYPE html>", "x" * MAX_ROW_LENGTH * 2],
)
def test_a_file_that_names_no_column_of_urls_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadableFile):
        rows(text)
