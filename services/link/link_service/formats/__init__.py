"""Files of links: reading what browsers and link managers export, and writing the like.

::

    bytes ── text ── window ─┬─ markup ── netscape (content, folders)
                             ├─ json_file
                             └─ csv_lines ── csv_file (formulas)

    rows, dates, tags, visibility: what the three have in common
    export: the other way round

Whatever a file holds, reading it takes time in proportion to its length and a few megabytes, and
its rows do not depend on how it is cut into chunks: an import that was interrupted goes on by
reading anew and leaving out as many rows as it has seen.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from delinkcious.object_model.imports import FileFormat
from delinkcious.object_model.links import Link
from link_service.formats import export
from link_service.formats.csv_file import read_csv
from link_service.formats.detect import detect
from link_service.formats.json_file import read_json
from link_service.formats.netscape import read_html
from link_service.formats.rows import ImportedLink, Row, RowError, UnreadableFile

MAX_ERRORS: Final = 10_000
"""After so many rows that are no links, nobody reads on."""

__all__ = [
    "MAX_ERRORS",
    "ImportedLink",
    "Row",
    "RowError",
    "UnreadableFile",
    "detect",
    "read",
    "write",
]


def read(
    file_format: FileFormat, chunks: Iterable[bytes], *, folders_as_tags: bool
) -> Iterator[Row]:
    """Returns the links in a file, and an error for each row that is none, in the file's order.

    Chunks are taken as they are needed, so who counts their bytes knows how far reading has come.
    A link that stands in several folders comes several times.

    Args:
        folders_as_tags: whether the names of the folders that a link is in become tags of it.

    Raises:
        UnreadableFile: while reading, when it shows that the file is not in that format, or when
            more than 10,000 of its rows are no links. Nothing else is raised but by the chunks.
    """
    match file_format:
        case FileFormat.HTML:
            rows = read_html(chunks, folders_as_tags=folders_as_tags)
        case FileFormat.JSON:
            rows = read_json(chunks)
        case FileFormat.CSV:
            rows = read_csv(chunks, folders_as_tags=folders_as_tags)
    return _while_they_are_links(rows)


def _while_they_are_links(rows: Iterator[Row]) -> Iterator[Row]:
    errors = 0
    for row in rows:
        errors += isinstance(row, RowError)
        if errors > MAX_ERRORS:
            raise UnreadableFile.of("file", f"has more than {MAX_ERRORS} rows that are no links")
        yield row


def write(file_format: FileFormat, links: Iterable[Link]) -> Iterator[bytes]:
    """Returns a file of links in pieces. Reading it gives the same URL, title, description, tags,
    visibility and times of each, in the same order.
    """
    match file_format:
        case FileFormat.HTML:
            return export.write_html(links)
        case FileFormat.JSON:
            return export.write_json(links)
        case FileFormat.CSV:
            return export.write_csv(links)
