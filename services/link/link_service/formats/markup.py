"""HTML of any quality as a stream of tags and of the text between them (ADR-0026).

Time is linear in the length of the file and memory bounded, whatever stands in it. It reads tags as
browsers do (WHATWG HTML, 13.2.5) with these exceptions, which lose less of broken bookmark files:
a tag ends where the next one begins, even without ``>``; a quoted value that is not closed before
the next tag of a bookmark file ends at a space; and no element turns what follows into raw text.
"""

import re
from collections.abc import Iterator
from html import unescape
from html.entities import html5
from typing import Final, NamedTuple

from link_service.formats.rows import MAX_ROW_LENGTH
from link_service.formats.window import Window

DOCTYPE: Final = "!doctype"

_OPENING: Final = re.compile(r"(?ai)<(?:(/?[a-z][^\s/<>]*)|!(--|doctype))")
_COMMENT_END: Final = re.compile("-->")
_NAME: Final = re.compile(r"(?a)[\s/]*(?:([^\s/<>=]+)(?:\s*(=)\s*)?|(=))?")
_UNQUOTED: Final = re.compile(r"(?a)[^\s<>]*")
_BOOKMARK_TAG: Final = re.compile(r"(?ai)</?(?:a|d[dlt]|h[1-6])[\s>]")
_REFERENCE: Final = re.compile(r"(?ai)&(?:#[0-9]+;?|#x[0-9a-f]+;?|([a-z][a-z0-9]*;?))")
_TOO_LARGE: Final = re.compile(r"&#[0-9]{10,};?")


class Text(NamedTuple):
    """A piece of text, as it stands in the file; one text may come in several."""

    source: str


class Tag(NamedTuple):
    """A tag.

    Attributes:
        name: in lower case, with a slash before it if the tag ends something.
        attributes: those that were asked for, as they stand in the file; the first of each name.
        source: the whole tag, as it stands in the file.
    """

    name: str
    line: int
    attributes: dict[str, str]
    source: str


class Broken(NamedTuple):
    """A piece of markup that cannot be read."""

    line: int
    detail: str


Token = Text | Tag | Broken


def tokens(window: Window, wanted: frozenset[str]) -> Iterator[Token]:
    """Returns what is in a text, from its begin to its end.

    Args:
        wanted: the names of the attributes to return.
    """
    while window.more():
        begin = window.position
        opening = _OPENING.search(window.text, begin)
        start = min(opening.start() if opening else window.limit, window.limit)
        if start > begin:
            window.position = start
            yield Text(window.text[begin:start])
        if opening and start < window.limit:
            yield _comment(window) if opening[2] == "--" else _tag(window, opening, wanted)


def unescape_attribute(value: str) -> str:
    """Replaces character references where they are meant: in ``?a=1&copy=2`` they are not."""
    if "&" not in value:
        return value
    return _REFERENCE.sub(_replaced, value)


def unescape_text(text: str) -> str:
    """Replaces character references."""
    return unescape(_TOO_LARGE.sub("\ufffd", text)) if "&" in text else text


def _replaced(reference: re.Match[str]) -> str:
    name, rest = reference[1], reference.string[reference.end() : reference.end() + 1]
    if name is None:
        return unescape_text(reference[0])
    if rest == "=" and not name.endswith(";"):
        return reference[0]
    return html5.get(name, reference[0])


def _comment(window: Window) -> Text | Broken:
    line = window.line
    window.position += len("<!")  # a comment may end with the hyphens that it begins with: <!-->
    if window.skip_past(_COMMENT_END):
        return Text("")
    return Broken(line, "a comment begins here and never ends: nothing after it was read")


def _tag(window: Window, opening: re.Match[str], wanted: frozenset[str]) -> Tag | Broken:
    text, start, line = window.text, window.position, window.line
    end = min(start + MAX_ROW_LENGTH, len(text))
    attributes, stop = _attributes(text, min(opening.end(), end), end, wanted)
    window.position = stop
    if stop == end and text[stop - 1] != ">":
        return Broken(line, _endless(window))
    return Tag((opening[1] or DOCTYPE).lower(), line, attributes, text[start:stop])


def _endless(window: Window) -> str:
    if window.more():
        return f"a tag begins here that is longer than {MAX_ROW_LENGTH} characters"
    return "a tag begins here that never ends: the file may have been cut off"


def _attributes(
    text: str, position: int, end: int, wanted: frozenset[str]
) -> tuple[dict[str, str], int]:
    """Returns the attributes that begin at the position, and where the tag ends."""
    found: dict[str, str] = {}
    while True:
        name, start, stop, position = _attribute(text, position, end)
        if name is None:
            return found, position + text.startswith(">", position, end)
        if (lower := name.lower()) in wanted:
            found.setdefault(lower, text[start:stop])


def _attribute(text: str, position: int, end: int) -> tuple[str | None, int, int, int]:
    """Returns the name of the attribute at the position, where its value begins and stops, and
    where reading goes on. The name is empty where it is missing, and None after the last one.
    """
    match = _NAME.match(text, position, end)
    name, equals, nameless = match.groups() if match else (None, None, None)
    position = match.end() if match else position
    if equals or nameless:
        return name or "", *_value(text, position, end)
    return name, position, position, position


def _value(text: str, position: int, end: int) -> tuple[int, int, int]:
    """Returns where the value at the position begins and stops, and where reading goes on."""
    quote = text[position : position + 1]
    if position < end and quote in {'"', "'"}:
        position += 1
        close = text.find(quote, position, end)
        if close >= 0 and not _BOOKMARK_TAG.search(text, position, close):
            return position, close, close + 1
    unquoted = _UNQUOTED.match(text, position, end)
    stop = unquoted.end() if unquoted else position
    return position, stop, stop
