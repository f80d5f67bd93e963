"""CSV with the names of the columns in its first row, from spreadsheets and from link managers.

Names are compared without case and punctuation; what separates columns is found out from that row.
A cell is what it says: one that a spreadsheet would take for a formula is text here.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from link_service.formats.csv_lines import Lines, TooLong
from link_service.formats.formulas import reveal_formula
from link_service.formats.rows import (
    MAX_ROW_LENGTH,
    TO_READ,
    Row,
    RowError,
    UnreadableFile,
    make_row,
)
from link_service.formats.tags import split_tags
from link_service.formats.text import decode
from link_service.formats.visibility import is_set, read_visibility
from link_service.formats.window import Window

OUR_COLUMNS: Final = (
    "url",
    "title",
    "description",
    "tags",
    "visibility",
    "created_at",
    "updated_at",
)
"""The columns of the CSV that we write."""

_NAMES: Final = {
    "url": "url link href uri address",
    "title": "title name",
    "description": "description note notes comment comments excerpt extended selection",
    "tags": "tags tag labels label keywords documenttags",
    "folder": "folder folders collection",
    "visibility": "visibility",
    "private": "private",
    "public": "public shared",
    "toread": "toread",
    "created": "createdat created creationdate createddate date dateadded addeddate added addedat"
    " adddate timeadded saveddate savedat time timestamp",
    "updated": "updatedat updated modified modifiedat lastmodified",
}
_FIELDS: Final = {name: field for field, names in _NAMES.items() for name in names.split()}
_PUNCTUATION: Final = re.compile(r"[\W_]+")
_SEPARATORS: Final = ",;\t|"
_SEPARATOR_LINE: Final = re.compile(r"\ufeff?sep=(.)\s*", re.IGNORECASE)  # Excel's


def read_csv(chunks: Iterable[bytes], *, folders_as_tags: bool) -> Iterator[Row]:
    """Returns the links of a CSV file; see `link_service.formats.read`."""
    lines = Lines(Window(decode(chunks)))
    separator, names = _header(lines)
    columns = _Columns(names, folders_as_tags=folders_as_tags)
    records = csv.reader(lines, delimiter=separator)
    while True:
        lines.begin_record()
        try:
            cells = next(records)
        except StopIteration:
            return
        except (TooLong, csv.Error):
            detail = (
                f"is longer than {MAX_ROW_LENGTH // 2} characters; perhaps a quote is not closed"
            )
            yield RowError(lines.line, detail)
            continue
        if lines.has_open_quote:
            yield RowError(lines.line, "a quote is not closed: the file may have been cut off")
        elif any(cells):
            yield columns.row(lines.line, cells)


def _header(lines: Lines) -> tuple[str, list[str]]:
    """Returns what separates the columns, and their names as they are compared."""
    try:
        first = next((line for line in lines if line.strip()), "")
        said = _SEPARATOR_LINE.fullmatch(first)
        top = next(lines, "") if said else first
    except TooLong:
        raise UnreadableFile.of("file", "has no row of names at its top") from None
    headers = [
        (separator, _names(top, separator)) for separator in (said[1] if said else _SEPARATORS)
    ]
    separator, names = max(headers, key=lambda header: len(_FIELDS.keys() & set(header[1])))
    if not any(_FIELDS.get(name) == "url" for name in names):
        detail = "must name its columns in the first row, one of them url, link or href"
        raise UnreadableFile.of("file", detail)
    return separator, names


def _names(line: str, separator: str) -> list[str]:
    try:
        cells = next(csv.reader([line], delimiter=separator), [])
    except (csv.Error, TypeError, ValueError):
        return []
    return [_PUNCTUATION.sub("", cell).lower() for cell in cells]


class _Columns:
    """What the columns of one file mean."""

    def __init__(self, names: Sequence[str], *, folders_as_tags: bool) -> None:
        self._fields = [_FIELDS.get(name) for name in names]
        self._is_ours = list(names) == [_PUNCTUATION.sub("", name) for name in OUR_COLUMNS]
        self._folders_as_tags = folders_as_tags

    def row(self, line: int, cells: list[str]) -> Row:
        """Returns the link in a row."""
        if any(cells[len(self._fields) :]):
            detail = f"has {len(cells)} cells, but the first row names {len(self._fields)} columns"
            return RowError(line, detail)
        given = self._cells(cells)
        visibility, remarks = read_visibility(
            visibility=_first(given, "visibility"),
            private=_first(given, "private"),
            public=_first(given, "public"),
        )
        return make_row(
            line,
            url=_first(given, "url"),
            title=_first(given, "title"),
            description="\n\n".join(dict.fromkeys(given.get("description", ()))),
            tags=self._tags(given),
            visibility=visibility,
            created=_first(given, "created"),
            updated=_first(given, "updated"),
            remarks=remarks,
        )

    def _cells(self, cells: Iterable[str]) -> dict[str, list[str]]:
        """Returns by field what is not empty."""
        given: dict[str, list[str]] = {}
        for field, cell in zip(self._fields, cells, strict=False):
            if field and cell:
                given.setdefault(field, []).append(reveal_formula(cell) if self._is_ours else cell)
        return given

    def _tags(self, given: Mapping[str, Sequence[str]]) -> list[str]:
        tags = [tag for cell in given.get("tags", ()) for tag in split_tags(cell, ",;|")]
        if self._folders_as_tags:
            paths = given.get("folder", ())
            tags += [name.replace(",", " ") for path in paths for name in path.split("/")]
        if is_set(_first(given, "toread")):
            tags.append(TO_READ)
        return tags


def _first(given: Mapping[str, Sequence[str]], field: str) -> str:
    return next(iter(given.get(field, ())), "")
