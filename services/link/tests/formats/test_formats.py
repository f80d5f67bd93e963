"""What holds for files of every format."""

import csv
import io
import tracemalloc
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html

from delinkcious.errors import InvalidArgument
from delinkcious.object_model.imports import FileFormat
from delinkcious.object_model.links import Link, LinkStatus, Visibility
from link_service.domain import normalize_tag
from link_service.formats import (
    MAX_ERRORS,
    ImportedLink,
    Row,
    RowError,
    UnreadableFile,
    read,
    write,
)

FRAGMENTS = {
    FileFormat.HTML: [
        *(
            "<!DOCTYPE NETSCAPE-Bookmark-file-1>",
            "<DL><p>",
            "</DL>",
            "<DT>",
            "<DD>",
            "<H3>",
            "</H3>",
        ),
        *("<A HREF=", '"', "'", ">", "<", "http://a.example/", " ADD_DATE=", "1366220832", "</A>"),
        *(
            " TAGS=",
            "a,b",
            " PRIVATE=1",
            "&amp;",
            "&#1;",
            "&",
            "<!--",
            "-->",
            "<meta charset=big5>",
        ),
    ],
    FileFormat.JSON: [
        *(
            "[",
            "]",
            "{",
            "}",
            ",",
            ":",
            '"',
            "\\",
            "\\u0000",
            "\\ud800",
            "null",
            "-1e9",
            '"links":[',
        ),
        *('"href":"x"', '{"url":"http://a.example/"', '"tags":["a"]', '"time":""', "},\n{", "\n"),
    ],
    FileFormat.CSV: [
        *(
            "url",
            "title",
            ",",
            ";",
            "\t",
            '"',
            '""',
            "\n",
            "\r",
            "sep=;\n",
            "url,title,tags\n",
            "x",
        ),
        *("created_at", "http://a.example/", "'=1", "1366220832", "private"),
    ],
}
COMMON = ["\ufeff", "\x00", " ", "\n", "\r\n", "\n\r", "é", "🙂", "\xa0", "\u2028", "\x85"]


@st.composite
def files(draw: st.DrawFn) -> tuple[FileFormat, bytes]:
    """Files that are nearly right, and bytes."""
    file_format = draw(st.sampled_from(FileFormat))
    text = st.lists(st.sampled_from(FRAGMENTS[file_format] + COMMON), max_size=60).map("".join)
    encoded = text.map(str.encode) | text.map(lambda text: text.encode("utf-16"))
    return file_format, draw(encoded | st.binary(max_size=200))


def outcome(file_format: FileFormat, chunks: list[bytes]) -> list[Row | str]:
    """All rows of a file, and why it cannot be read if it cannot."""
    found: list[Row | str] = []
    try:
        found.extend(read(file_format, chunks, folders_as_tags=True))
    except UnreadableFile as error:
        found.append(error.detail)
    return found


@given(files(), st.lists(st.integers(0, 300)))
def test_any_bytes_are_rows_or_unreadable_however_they_are_cut(
    file: tuple[FileFormat, bytes], cuts: list[int]
) -> None:
    file_format, data = file
    places = [0, *sorted(cuts), len(data)]
    chunks = [data[begin:end] for begin, end in pairwise(places)]
    found = outcome(file_format, chunks)
    assert all(isinstance(row, ImportedLink | RowError | str) for row in found)
    assert found == outcome(file_format, [data])


def repeated(head: str, unit: str, size: int) -> Iterator[bytes]:
    yield head.encode()
    block = (unit * (16_384 // len(unit) + 1)).encode("latin-1")
    for _ in range(size // len(block)):
        yield block


LIST = "<!DOCTYPE NETSCAPE-Bookmark-file-1><DL><DT>"
ANCHOR = LIST + '<A HREF="http://a.example/">'
COLUMNS = "url,title,tags\n"
HOSTILE = [
    *(
        (FileFormat.HTML, LIST, unit)
        for unit in ("<", "<a", "<a ", '<a b="', "<a b='<a c=\"", "<!a")
    ),
    *(
        (FileFormat.HTML, LIST, unit)
        for unit in ("<!--", "<!-->", "<DL>", "</DL>", "<DT>", "</a", "\0")
    ),
    *((FileFormat.HTML, LIST, unit) for unit in ("<i b=\"<DT><i a='<DT>", "\xff", "\xffa", "\n\r")),
    *(
        (FileFormat.HTML, ANCHOR, unit)
        for unit in ("x", "&", "&#", "&#1", "<b>", "<br>", "<dd>", " ")
    ),
    *((FileFormat.HTML, LIST + "<A ", unit) for unit in ("x", "b ", "b=1 ", 'b=">" ', "='", '="')),
    *(
        (FileFormat.JSON, "[", unit)
        for unit in ("[", "]", "{", "}", "} ", '{"a":[{},', "1,", "1", '"')
    ),
    *(
        (FileFormat.JSON, "[", unit)
        for unit in ('},{"a":[{', '{"a":"},{"', '{"":', "{},", ",", "\\")
    ),
    *((FileFormat.JSON, '[{"url":"', unit) for unit in ("x", "\\", '\\"},{', "},{")),
    *((FileFormat.JSON, "{", unit) for unit in ('"a":{},', '"', " ")),
    *((FileFormat.CSV, COLUMNS, unit) for unit in ("x", ",", '"', '"\n', 'x","\n', 'x,"\n"', "\n")),
    *((FileFormat.CSV, COLUMNS, unit) for unit in ("\r", "\0", "\n\r", "\xff,")),
    *((FileFormat.CSV, "", unit) for unit in ("url,", "\n", '"', "\0")),
]


HOSTILE_SIZE = 60 * settings().max_examples ** 2
"""As thorough as the tests with examples are to be: what is looked for grows with the square."""


@pytest.mark.parametrize(("file_format", "head", "unit"), HOSTILE)
def test_a_file_that_was_made_to_be_slow_is_read_in_time(
    file_format: FileFormat, head: str, unit: str
) -> None:
    """What takes quadratic time does not end within the time limit of a test."""
    assert outcome(file_format, list(repeated(head, unit, HOSTILE_SIZE))) is not None


@pytest.mark.parametrize(
    ("file_format", "head", "unit"),
    [
        (FileFormat.HTML, LIST, "x"),
        (FileFormat.HTML, LIST + "<!--", "x"),
        (FileFormat.HTML, ANCHOR, "x"),
        (FileFormat.HTML, ANCHOR + "<DD>", "x" * 1000 + "<b>"),
        (FileFormat.HTML, LIST + '<A HREF="', "x"),
        (FileFormat.HTML, LIST + "<A ", "x" * 1000 + "=1 "),
        (FileFormat.JSON, '[{"url":"', "x"),
        (FileFormat.JSON, '[{"url":"x","a":[', '"' + "x" * 1000 + '",'),
        (FileFormat.JSON, "[", " "),
        (FileFormat.CSV, COLUMNS, "x"),
        (FileFormat.CSV, COLUMNS + '"', "x" * 1000 + "\n"),
        (FileFormat.CSV, "", "x"),
    ],
)
def test_memory_is_bounded_whatever_is_on_one_line(
    file_format: FileFormat, head: str, unit: str
) -> None:
    megabyte = 1024 * 1024
    size = max(settings().max_examples // 4, 8) * megabyte
    rows = read(file_format, repeated(head, unit, size), folders_as_tags=True)
    tracemalloc.start()
    try:
        with suppress(UnreadableFile):
            deque(rows, maxlen=0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 * megabyte


def test_chunks_are_taken_only_as_they_are_needed() -> None:
    taken = 0

    def chunks() -> Iterator[bytes]:
        nonlocal taken
        for number in range(100):
            taken += 1
            head = COLUMNS if number == 0 else ""
            yield (head + f"http://a.example/,{'x' * 400},y\n" * 100).encode()

    rows = read(FileFormat.CSV, chunks(), folders_as_tags=False)
    next(rows)
    assert 0 < taken < 20
    assert sum(1 for _ in rows) == 9_999


def test_an_error_of_the_chunks_is_passed_on() -> None:
    def chunks() -> Iterator[bytes]:
        yield COLUMNS.encode()
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        list(read(FileFormat.CSV, chunks(), folders_as_tags=False))


def test_a_file_of_nothing_but_errors_is_given_up() -> None:
    text = "url,title\n" + ",x\n" * MAX_ERRORS
    assert len(outcome(FileFormat.CSV, [text.encode()])) == MAX_ERRORS
    *_, last = outcome(FileFormat.CSV, [f"{text},x\n".encode()])
    assert last == "file: has more than 10000 rows that are no links"


def _tag(text: str) -> str:
    """The tag that a text stands for, or another."""
    try:
        return normalize_tag(text)
    except InvalidArgument:
        return "none"


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=60)
ODD_TEXTS = st.text(alphabet=" \t\n\f\r<>&;\"'=,|-+@aA{}[]\\\ufeff\x0b\x1c\x85\u2028", max_size=30)
TAGS = st.one_of(TEXTS, ODD_TEXTS, st.sampled_from(["two words", "a;b", "toread"])).map(_tag)
TIMES = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
URL_CHARACTERS = st.characters(
    exclude_categories=["Cs"],
    exclude_characters='\x7f<>"\\' + "".join(map(chr, range(33))),
)
LINKS = st.builds(
    Link,
    id=st.integers(1, 2**63 - 1),
    url=st.text(URL_CHARACTERS, max_size=60).map("http://a.example/".__add__),
    title=TEXTS | ODD_TEXTS,
    description=TEXTS | ODD_TEXTS,
    tags=st.lists(TAGS, max_size=5, unique=True).map(lambda tags: tuple(sorted(tags))),
    visibility=st.sampled_from(Visibility),
    status=st.sampled_from(LinkStatus),
    last_check=st.none(),
    created_at=TIMES,
    updated_at=TIMES,
)


@given(st.sampled_from(FileFormat), st.lists(LINKS, max_size=4))
def test_what_was_written_is_read_as_it_was_field_by_field(
    file_format: FileFormat, links: list[Link]
) -> None:
    rows = read(file_format, write(file_format, links), folders_as_tags=False)
    assert [replace(row, line=0) for row in rows] == [
        ImportedLink(
            0,
            link.url,
            link.title,
            link.description,
            link.tags,
            link.visibility,
            link.created_at,
            link.updated_at,
        )
        for link in links
    ]


LINK = Link(
    id=1,
    url="http://a.example/?x=1&copy=2#'",
    title='<script>alert("1")</script> & co',
    description="one\ntwo",
    tags=("two words",),
    visibility=Visibility.PRIVATE,
    status=LinkStatus.PENDING,
    last_check=None,
    created_at=datetime(2013, 4, 17, 17, 47, 12, 999_999, UTC),
    updated_at=datetime(2013, 4, 17, 17, 47, 13, tzinfo=UTC),
)


@pytest.mark.parametrize(
    "text", ["a  b", "  a", "a  ", "\ta\n\nb\r\n", "&#32;a", "\f", "<!--", "'=1"]
)
@pytest.mark.parametrize("file_format", FileFormat)
def test_white_space_and_markup_come_back(file_format: FileFormat, text: str) -> None:
    link = replace(LINK, title=text, description=text)
    [row] = read(file_format, write(file_format, [link]), folders_as_tags=False)
    assert isinstance(row, ImportedLink)
    assert (row.title, row.description) == (text, text)


def test_exported_json_is_the_apis_list_of_links() -> None:
    content = orjson.loads(b"".join(write(FileFormat.JSON, [LINK] * 500)))
    assert [Link.from_json(found) for found in content["links"]] == [LINK] * 500


def test_exported_html_is_what_browsers_read() -> None:
    content = b"".join(write(FileFormat.HTML, [LINK] * 500))
    assert content.startswith(b"<!DOCTYPE NETSCAPE-Bookmark-file-1>\n")
    page = html.document_fromstring(content)
    assert len(page.xpath("//dl/dt/a")) == len(page.xpath("//dl/dd")) == 500
    [link, *_], [description, *_] = page.xpath("//dl/dt/a"), page.xpath("//dl/dd")
    assert link.text == LINK.title
    assert description.text.rstrip() == LINK.description
    assert not page.xpath("//script")
    assert link.attrib == {
        "href": LINK.url,
        "add_date": "1366220832",
        "last_modified": "1366220833",
        "private": "1",
        "tags": "two words,",
        "created_at": "2013-04-17T17:47:12.999999+00:00",
        "updated_at": "2013-04-17T17:47:13+00:00",
    }


def test_no_cell_of_exported_csv_is_a_formula() -> None:
    links = [replace(LINK, title=title) for title in ("=1", "+1", " @x", "-x", "'=1", "fine")]
    content = b"".join(write(FileFormat.CSV, links)).decode()
    [_, *records] = csv.reader(io.StringIO(content, newline=""))
    assert [record[1] for record in records] == ["'=1", "'+1", "' @x", "'-x", "''=1", "fine"]
