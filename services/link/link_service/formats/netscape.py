"""Bookmark files of browsers and link managers: the "Netscape bookmark file format".

Nobody ever specified it. A link is ``<DT><A HREF="…" ADD_DATE="…">title</A>``, with its description
in a ``<DD>`` after it; a folder is ``<DT><H3>name</H3>`` and its ``<DL>``. Ends of elements are
missing as a rule. Delicious added TAGS and PRIVATE, Pinboard TOREAD, Pocket has TIME_ADDED, and we
write CREATED_AT and UPDATED_AT, with fractions of a second, which browsers leave alone.

Markup that is not of the format is text: a description "use <vector>" stays what it is.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from link_service.formats.content import Content
from link_service.formats.folders import ROOTS, Folders
from link_service.formats.markup import DOCTYPE, Broken, Tag, Text, tokens, unescape_attribute
from link_service.formats.rows import (
    MAX_ROW_LENGTH,
    TO_READ,
    Row,
    RowError,
    UnreadableFile,
    make_row,
)
from link_service.formats.text import decode, with_line_feeds
from link_service.formats.visibility import is_set, read_visibility
from link_service.formats.window import Window

_CREATED: Final = ("created_at", "add_date", "time_added")
_UPDATED: Final = ("updated_at", "last_modified")
_OF_LINKS: Final = frozenset({*_CREATED, *_UPDATED, "tags", "private", "public", "toread"})
_WANTED: Final = _OF_LINKS | ROOTS | {"href"}
_ELSEWHERE: Final = ("h1", "h2", "hr", "html", "/html", "body", "/body")
_SEVERAL_TAGS: Final = re.compile(r"""\btags\s*=\s*(?:"[^"<>]*,|'[^'<>]*,)""", re.IGNORECASE)
_AFTER_LINK: Final = frozenset({"a", "dt", "dl", "/dl", "h3", *_ELSEWHERE})


def read_html(chunks: Iterable[bytes], *, folders_as_tags: bool) -> Iterator[Row]:
    """Returns the links of a bookmark file; see `link_service.formats.read`."""
    return _Reader(chunks, Folders(are_tags=folders_as_tags)).rows()


@dataclass(slots=True)
class _Link:
    """A link whose description may still follow."""

    tag: Tag
    folders: tuple[str, ...]
    title: Content = field(default_factory=Content)
    description: Content = field(default_factory=Content)


class _Reader:
    """Follows the structure of one file."""

    def __init__(self, chunks: Iterable[bytes], folders: Folders) -> None:
        self._window = Window(with_line_feeds(decode(chunks, is_html=True)))
        self._folders = folders
        self._link: _Link | None = None
        self._into: Content | None = None  # where text goes; elsewhere it is dropped
        self._is_known = False  # as a bookmark file
        self._has_items = False  # links stand in <DT>, as is usual
        self._has_commas = False  # between tags
        self._handlers: dict[str, Callable[[Tag], None]] = {
            DOCTYPE: self._doctype,
            "a": self._begin_link,
            "/a": self._end_title,
            "dt": self._item,
            "dd": self._describe,
            "dl": self._open_folder,
            "/dl": self._close_folder,
            "h3": self._name_folder,
            **dict.fromkeys(("br", "p"), self._break_line),
            **dict.fromkeys(("/h3", "/dt", "/dd", *_ELSEWHERE), self._drop_text),
        }

    def rows(self) -> Iterator[Row]:
        """Returns what is in the file."""
        self._window.more()
        self._has_commas = _SEVERAL_TAGS.search(self._window.text) is not None
        for token in tokens(self._window, _WANTED):
            if isinstance(token, Broken):
                yield RowError(token.line, token.detail)
            elif isinstance(token, Text) or self._is_text(token):
                if self._into is not None:
                    self._into.add(token.source)
            else:
                if token.name in _AFTER_LINK:
                    yield from self._finished()
                self._handlers[token.name](token)
        yield from self._finished()
        if not self._is_known:
            raise UnreadableFile.of("file", "is not a file of bookmarks")

    def _is_text(self, tag: Tag) -> bool:
        """In a file whose links stand in <DT>, a link in a description is part of it."""
        if tag.name in {"a", "/a"}:
            in_description = self._link is not None and self._into is self._link.description
            return in_description and self._has_items
        return tag.name not in self._handlers

    def _doctype(self, tag: Tag) -> None:
        self._is_known |= "netscape-bookmark" in tag.source.lower()

    def _begin_link(self, tag: Tag) -> None:
        self._is_known |= not tag.attributes.keys().isdisjoint(_OF_LINKS)
        if not self._is_known:
            raise UnreadableFile.of("file", "is a web page, not a file of bookmarks")
        self._link = _Link(tag, self._folders.names)
        self._into = self._link.title

    def _end_title(self, _: Tag) -> None:
        if self._link is not None and self._into is self._link.title:
            self._into = None

    def _item(self, _: Tag) -> None:
        self._is_known = self._has_items = True
        self._into = None

    def _describe(self, _: Tag) -> None:
        self._into = self._link.description if self._link is not None else None

    def _name_folder(self, tag: Tag) -> None:
        self._into = self._folders.begin_name(tag)

    def _open_folder(self, _: Tag) -> None:
        self._is_known = True
        self._into = None
        self._folders.open()

    def _close_folder(self, _: Tag) -> None:
        self._into = None
        self._folders.close()

    def _break_line(self, _: Tag) -> None:
        if self._into is not None:
            self._into.add("\n")

    def _drop_text(self, _: Tag) -> None:
        self._into = None

    def _finished(self) -> Iterator[Row]:
        link, self._link = self._link, None
        if link is None:
            return
        if link.title.is_too_long or link.description.is_too_long:
            yield RowError(link.tag.line, f"is longer than {MAX_ROW_LENGTH} characters")
        else:
            yield self._row(link)

    def _row(self, link: _Link) -> Row:
        given = {name: unescape_attribute(text) for name, text in link.tag.attributes.items()}
        private = given.get("private", "") or ("1" if "private" in given else "")
        visibility, remarks = read_visibility(private=private, public=given.get("public", ""))
        to_read = (TO_READ,) if is_set(given.get("toread", "")) else ()
        return make_row(
            link.tag.line,
            url=given.get("href", ""),
            title=link.title.on_one_line,
            description=link.description.on_lines,
            tags=(*self._tags(given.get("tags", "")), *link.folders, *to_read),
            visibility=visibility,
            created=_first(given, _CREATED),
            updated=_first(given, _UPDATED),
            remarks=remarks,
        )

    def _tags(self, text: str) -> list[str]:
        """Some files have spaces between tags. One with a comma anywhere is none of them; those in
        its first quarter of a million characters are known before its first link is read.
        """
        self._has_commas |= "," in text
        return text.split(",") if self._has_commas else text.split()


def _first(given: Mapping[str, str], names: Iterable[str]) -> str:
    return next((given[name] for name in names if given.get(name)), "")
