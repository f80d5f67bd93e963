"""What a file of links is made of: links, and rows that are none."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from delinkcious.errors import InvalidArgument
from delinkcious.object_model.links import Visibility
from link_service.formats.dates import parse_date

MAX_ROW_LENGTH: Final = 256 * 1024
"""How many characters one link may take in a file, with all that belongs to it. The longest link of
ours takes a quarter of it; what is longer is an error of that row.
"""

TO_READ: Final = "toread"
"""The tag of links that another link manager keeps for reading later."""

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_AROUND_URLS: Final = "".join(map(chr, range(33)))
_IN_URLS: Final = re.compile(r'[\t\n\r "<>\\]')
_ENCODED: Final = str.maketrans(
    dict.fromkeys("\t\n\r") | {character: f"%{ord(character):02X}" for character in ' "<>\\'}
)
_MAX_QUOTED: Final = 40


class UnreadableFile(InvalidArgument):
    """The file is not what it claims to be, so none of its rows can be told apart."""


@dataclass(frozen=True, slots=True)
class ImportedLink:
    """A link as a file has it. Nothing but its form has been looked at: the URL may be no URL of
    the web, and there may be more tags than a link may have.

    Attributes:
        line: where it begins in the file, from 1.
        tags: as they stand in the file, each once, in the order of the file.
        visibility: None if the file does not say.
        created_at: in UTC; None if the file does not say, or names no date that exists.
        remarks: what could not be kept, such as a date that is none; for whoever imports.
    """

    line: int
    url: str
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    visibility: Visibility | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that is no link, and why."""

    line: int
    detail: str


Row = ImportedLink | RowError


def make_row(
    line: int,
    *,
    url: str,
    title: str = "",
    description: str = "",
    tags: Iterable[str] = (),
    visibility: Visibility | None = None,
    created: str = "",
    updated: str = "",
    remarks: Iterable[str] = (),
) -> Row:
    """Returns the link that these fields of a file describe.

    A URL is read as browsers read an address (WHATWG URL): without spaces around it and line ends
    inside, and with those characters percent-encoded that no link may have. What no store can hold,
    NUL and halves of surrogate pairs, is replaced by U+FFFD in texts; a URL with it is an error. A
    link with a date that is none is kept without the date, and a remark says so.
    """
    address = _tidy_url(url)
    if not address:
        return RowError(line, "url: is missing")
    if _UNSTORABLE.search(address):
        return RowError(line, "url: has the character NUL or half a character")
    created_at, no_creation = _date("created_at", created)
    updated_at, no_update = _date("updated_at", updated)
    return ImportedLink(
        line=line,
        url=address,
        title=_storable(title),
        description=_storable(description),
        tags=tuple(dict.fromkeys(_storable(tag.strip()) for tag in tags if tag.strip())),
        visibility=visibility,
        created_at=created_at,
        updated_at=updated_at,
        remarks=(*remarks, *no_creation, *no_update),
    )


def quote(text: str) -> str:
    """Returns a text from a file, short enough for a message."""
    return repr(text if len(text) <= _MAX_QUOTED else text[:_MAX_QUOTED] + "…")


def _tidy_url(url: str) -> str:
    stripped = url.strip(_AROUND_URLS)
    return stripped.translate(_ENCODED) if _IN_URLS.search(stripped) else stripped


def _storable(text: str) -> str:
    return _UNSTORABLE.sub("\ufffd", text)


def _date(field: str, text: str) -> tuple[datetime | None, tuple[str, ...]]:
    try:
        return parse_date(text), ()
    except ValueError:
        return None, (f"{field}: {quote(text)} is no date; the link was kept without it",)
