"""Which format a file is in, by what its sender says or else by how it begins."""

import re
from pathlib import PurePosixPath
from typing import Final

from delinkcious.object_model.imports import FileFormat
from link_service.formats.rows import UnreadableFile
from link_service.formats.text import decode, refuse_what_is_no_text

_BY_TYPE: Final = {
    "text/html": FileFormat.HTML,
    "application/xhtml+xml": FileFormat.HTML,
    "application/json": FileFormat.JSON,
    "text/json": FileFormat.JSON,
    "text/csv": FileFormat.CSV,
    "application/csv": FileFormat.CSV,
    "text/tab-separated-values": FileFormat.CSV,
}
_BY_SUFFIX: Final = {
    ".html": FileFormat.HTML,
    ".htm": FileFormat.HTML,
    ".json": FileFormat.JSON,
    ".csv": FileFormat.CSV,
    ".tsv": FileFormat.CSV,
}


def detect(content_type: str | None, filename: str | None, start: bytes) -> FileFormat:
    """Returns the format of a file.

    The type that its sender gives counts most, then the end of its name. Both may be unknown, or
    say no more than that there are bytes; then it is how the file begins.

    Args:
        content_type: with or without parameters.
        start: the first kilobyte or so.

    Raises:
        UnreadableFile: it is in none of the formats.
    """
    refuse_what_is_no_text(start)
    media_type = (content_type or "").partition(";")[0].strip().lower()
    suffix = PurePosixPath(filename or "").suffix.lower()
    found = _BY_TYPE.get(media_type) or _BY_SUFFIX.get(suffix) or _by_content(start)
    if found is None:
        raise UnreadableFile.of("file", "is neither HTML, JSON nor CSV")
    return found


def _by_content(start: bytes) -> FileFormat | None:
    text = "".join(decode([start])).lstrip()
    if text.startswith("<"):
        return FileFormat.HTML
    if text.startswith(("[", "{")):
        return FileFormat.JSON
    first_line = text.partition("\n")[0]
    return (
        FileFormat.CSV if re.search(r"\b(?:url|link|href)\b", first_line, re.IGNORECASE) else None
    )
