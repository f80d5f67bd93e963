"""Links into files, from which `link_service.formats.read` gets the same links.

HTML is what browsers read: times in seconds, and our own with fractions besides.
"""

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator
from html import escape
from itertools import islice
from typing import Final

import orjson

from delinkcious.object_model.links import Link, Visibility
from link_service.formats.csv_file import OUR_COLUMNS
from link_service.formats.formulas import hide_formula
from link_service.formats.tags import join_tags

_BATCH: Final = 200
_HTML_BEGIN: Final = """\
<!DOCTYPE NETSCAPE-Bookmark-file-1>
<!-- This is an automatically generated file.
     It will be read and overwritten.
     DO NOT EDIT! -->
<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=UTF-8">
<META HTTP-EQUIV="Content-Security-Policy" CONTENT="default-src 'none'">
<TITLE>Bookmarks</TITLE>
<H1>Bookmarks</H1>
<DL><p>
"""
_HTML_END: Final = "</DL><p>\n"
_LOST_IN_TITLES: Final = re.compile(r"[\t\n\f\r]|\A | \Z|(?<= ) ")
_LOST_IN_DESCRIPTIONS: Final = re.compile(r"\A[ \t\n\f]|[ \t\n\f]\Z|\r")


def write_html(links: Iterable[Link]) -> Iterator[bytes]:
    """Returns a bookmark file."""
    yield _HTML_BEGIN.encode()
    for batch in _batches(links):
        yield "".join(map(_bookmark, batch)).encode()
    yield _HTML_END.encode()


def write_json(links: Iterable[Link]) -> Iterator[bytes]:
    """Returns the API's list of links, each on a line."""
    yield b'{"links":['
    separator = b"\n"
    for batch in _batches(links):
        yield separator + b",\n".join(map(orjson.dumps, batch))
        separator = b",\n"
    yield b"\n]}\n"


def write_csv(links: Iterable[Link]) -> Iterator[bytes]:
    """Returns a table with the names of the columns in its first row (RFC 4180)."""
    yield _table([OUR_COLUMNS])
    for batch in _batches(links):
        yield _table(map(_cells, batch))


def _batches(links: Iterable[Link]) -> Iterator[list[Link]]:
    rest = iter(links)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def _bookmark(link: Link) -> str:
    attributes = {
        "HREF": link.url,
        "ADD_DATE": str(math.floor(link.created_at.timestamp())),
        "LAST_MODIFIED": str(math.floor(link.updated_at.timestamp())),
        "PRIVATE": "1" if link.visibility is Visibility.PRIVATE else "0",
        "TAGS": join_tags(link.tags),
        "CREATED_AT": link.created_at.isoformat(),
        "UPDATED_AT": link.updated_at.isoformat(),
    }
    written = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
    title = _LOST_IN_TITLES.sub(_reference, escape(link.title))
    bookmark = f"    <DT><A {written}>{title}</A>\n"
    if not link.description:
        return bookmark
    return f"{bookmark}    <DD>{_LOST_IN_DESCRIPTIONS.sub(_reference, escape(link.description))}\n"


def _reference(space: re.Match[str]) -> str:
    return f"&#{ord(space[0])};"


def _table(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cells(link: Link) -> list[str]:
    cells = (
        link.url,
        link.title,
        link.description,
        join_tags(link.tags),
        link.visibility.value,
        link.created_at.isoformat(),
        link.updated_at.isoformat(),
    )
    return [hide_formula(cell) for cell in cells]
