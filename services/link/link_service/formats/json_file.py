"""JSON: the export of Pinboard, and our own.

Pinboard has an array of ``{"href","description" (the title),"extended","tags" (with spaces),
"time","shared","toread"}``; ours is the API's list of links, ``{"links":[…]}``. The list is read
one link at a time with the decoder of the standard library, so that a link that is no JSON costs
that link only (ADR-0026).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from json import JSONDecodeError, JSONDecoder
from typing import Any, Final

from link_service.formats.rows import (
    MAX_ROW_LENGTH,
    TO_READ,
    Row,
    RowError,
    UnreadableFile,
    make_row,
)
from link_service.formats.tags import split_tags
from link_service.formats.text import decode, with_line_feeds
from link_service.formats.visibility import is_set, read_visibility
from link_service.formats.window import Window

_MAX_DIGITS: Final = 20
_BETWEEN: Final = re.compile(r"[\s,]*")
_LINK_END: Final = re.compile(r"\}\s*,\s*(?=\{)")
_UNKNOWN: Final = 'is neither a list of bookmarks, as Pinboard exports it, nor {"links": […]}'


class _NoText(Exception):
    """A field, which is named, has no text in it."""


def _integer(digits: str) -> int:
    """An integer of ours or a time. Python refuses very long ones, which no row needs."""
    return int(digits) if len(digits) <= _MAX_DIGITS else 0


# Control characters in strings are wrong, but nothing is gained by refusing a link for one.
_DECODER: Final = JSONDecoder(strict=False, parse_int=_integer)


def read_json(chunks: Iterable[bytes]) -> Iterator[Row]:
    """Returns the links of a JSON file; see `link_service.formats.read`."""
    window = Window(with_line_feeds(decode(chunks)))
    _enter_list(window)
    yield from _rows(window)


def _enter_list(window: Window) -> None:
    opening = _next(window)
    window.position += 1
    if opening == "[":
        return
    try:
        while opening == "{" and _next(window) == '"':
            key = _value(window)
            if _next(window) != ":":
                break
            window.position += 1
            if _next(window) == "[" and key == "links":
                window.position += 1
                return
            _value(window)
    except JSONDecodeError:
        pass
    except RecursionError:
        raise UnreadableFile.of("file", "is nested too deeply for a list of links") from None
    raise UnreadableFile.of("file", _UNKNOWN)


def _rows(window: Window) -> Iterator[Row]:
    while (begin := _next(window)) != "]":
        line = window.line
        if not begin:
            yield RowError(line, "the list never ends: the file may have been cut off")
            return
        try:
            value = _value(window)
        except (JSONDecodeError, RecursionError) as error:
            yield RowError(line, _what_is_wrong(error))
            if isinstance(error, JSONDecodeError):
                window.position = error.pos
            if not window.skip_past(_LINK_END):
                return
        else:
            yield _row(line, value)


def _what_is_wrong(error: JSONDecodeError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "is nested too deeply for a link"
    return f"is not JSON of up to {MAX_ROW_LENGTH} characters: {error.msg}"


def _next(window: Window) -> str:
    """Moves to what comes next and returns its first character; an empty text at the end."""
    while window.more():
        between = _BETWEEN.match(window.text, window.position)
        window.position = between.end() if between else window.position
        if window.position < window.limit:
            return window.text[window.position]
    return ""


def _value(window: Window) -> Any:
    value, window.position = _DECODER.raw_decode(window.text, window.position)
    return value


def _row(line: int, value: Any) -> Row:
    if not isinstance(value, dict):
        return RowError(line, "is not an object")
    try:
        return _pinboard(line, value) if "href" in value else _ours(line, value)
    except _NoText as error:
        return RowError(line, f"{error.args[0]}: must be a string")


def _pinboard(line: int, link: Mapping[str, Any]) -> Row:
    is_hidden = link.get("shared") is False
    visibility, remarks = read_visibility(public="no" if is_hidden else _text(link, "shared"))
    return make_row(
        line,
        url=_text(link, "href"),
        title=_text(link, "description"),
        description=_text(link, "extended"),
        tags=(*_tags(link), *((TO_READ,) if is_set(_text(link, "toread")) else ())),
        visibility=visibility,
        created=_text(link, "time"),
        remarks=remarks,
    )


def _ours(line: int, link: Mapping[str, Any]) -> Row:
    visibility, remarks = read_visibility(visibility=_text(link, "visibility"))
    return make_row(
        line,
        url=_text(link, "url"),
        title=_text(link, "title"),
        description=_text(link, "description"),
        tags=_tags(link),
        visibility=visibility,
        created=_text(link, "created_at"),
        updated=_text(link, "updated_at"),
        remarks=remarks,
    )


def _tags(link: Mapping[str, Any]) -> list[str]:
    tags = link.get("tags")
    if isinstance(tags, list) and all(isinstance(tag, str) for tag in tags):
        return tags
    return split_tags(_text(link, "tags"))


def _text(link: Mapping[str, Any], name: str) -> str:
    """Pinboard has false where there is no title."""
    match link.get(name):
        case str(text):
            return text
        case None | False:
            return ""
        case bool() | int() | float() as value:
            return str(value)
    raise _NoText(name)
