"""A page whose title is wanted: so much of it as that takes is read, and decoded."""

from collections.abc import Iterator
from typing import Final, Self

import webencodings

from link_checker.content_type import ContentType
from link_checker.markup import Markup

_DECLARED_WITHIN: Final = 1024
"""Bytes in which a page must say how it is encoded (HTML, 4.2.5.4); we read them in any case."""

_BYTES: Final = "iso-8859-1"
"""Markup is ASCII in every encoding of the web but UTF-16, where we see no title coming."""

_SUPERSETS: Final = {"gbk": "gb18030"}
"""Encodings that browsers read as larger ones (Encoding Standard, 10.1.1), but webencodings does
not yet."""

_UNREADABLE: Final = "\ufffd"


class Page:
    """A page as it arrives.

    Args:
        max_bytes: after so many the rest is not read, whatever is in it.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._read = bytearray()
        self._markup = Markup(_BYTES)
        self._type = ContentType.parse("")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._markup.__exit__(*error)

    def wants(self, content_type: str) -> bool:
        """Returns whether a title can be expected."""
        self._type = ContentType.parse(content_type)
        return self._type.is_html

    def take(self, data: bytes) -> bool:
        """Takes in what has arrived, and returns whether there must be more."""
        part = data[: self.max_bytes - len(self._read)]
        self._read += part
        self._markup.feed(part)
        return len(self._read) < self.max_bytes and not self._is_enough

    @property
    def _is_enough(self) -> bool:
        if self._markup.is_enough:
            return True
        is_decodable = self._type.charset is not None or len(self._read) >= _DECLARED_WITHIN
        return is_decodable and self._markup.title != ""

    @property
    def title(self) -> str | None:
        """The page's title, if there is one in what was read."""
        return title_of(bytes(self._read), self._type.charset, self._markup.charset)


def title_of(page: bytes, *labels: str | None) -> str | None:
    """Returns the title of a page.

    Args:
        labels: what the page is said to be encoded in, the most trusted first. One in which the
            title cannot be read is passed over: many are wrong.
    """
    doubtful = None
    for encoding in _encodings(labels):
        title = _title_in(page, encoding)
        if title and _UNREADABLE not in title:
            return title
        doubtful = doubtful or title
    return doubtful


def _encodings(labels: tuple[str | None, ...]) -> Iterator[webencodings.Encoding]:
    """Yields those that exist, and then what pages are encoded in that do not say it."""
    named = (_encoding(label) for label in (*labels, "utf-8", "windows-1252") if label)
    yield from dict.fromkeys(encoding for encoding in named if encoding)


def _encoding(label: str) -> webencodings.Encoding | None:
    encoding = webencodings.lookup(label)
    if encoding and encoding.name in _SUPERSETS:
        return webencodings.lookup(_SUPERSETS[encoding.name])
    return encoding


def _title_in(page: bytes, encoding: webencodings.Encoding) -> str | None:
    """Reads the title in an encoding; a byte order mark knows better (Encoding Standard, 6)."""
    text, _ = webencodings.decode(page, encoding)
    with Markup("utf-8") as markup:
        markup.feed(text.encode())
        return markup.title or markup.og_title or None
