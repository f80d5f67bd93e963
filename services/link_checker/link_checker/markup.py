"""What the markup of a page says of it: its title, and how its characters are encoded.

libxml2 takes HTML apart into tags and text as browsers do, and as it arrives, so the beginning of
a page is enough. No tree is built of it (ADR-0021).
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final, Self

from lxml import etree

from link_checker.content_type import ContentType
from link_checker.titles import tidy

_NOT_OF_THE_PAGE: Final = frozenset({"svg", "math", "template", "noscript"})
"""What may have titles of its own, or such as are not shown."""

_MAX_DEPTH: Final = 500
"""What is nested deeper is left unread: libxml2 may search all open elements at every end tag."""

_STEP: Final = 1024
"""Bytes that are read before we ask ourselves whether to go on."""


class Markup:
    """What was found in so much of a page as was fed.

    Args:
        encoding: of what is fed; for libxml2, which knows its name.

    Attributes:
        title: of the page, fit to be shown; empty until the end tag of one that is not blank.
        og_title: what the page calls itself where others quote it.
        charset: the label of an encoding that the page claims to have.
    """

    def __init__(self, encoding: str) -> None:
        self.title = ""
        self.og_title = ""
        self.charset: str | None = None
        self._head_is_over = False
        self._text: list[str] | None = None
        self._depth = 0
        self._elsewhere = 0
        self._parser = etree.HTMLParser(target=self, encoding=encoding)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Frees the parser, which keeps some memory for good if it is not told."""
        self._text = None  # the end of the input is not the end of a title
        with suppress(etree.XMLSyntaxError):  # says that nothing was fed
            self._parser.close()

    @property
    def is_enough(self) -> bool:
        """Whether the rest of the page will hardly tell more."""
        if self._head_is_over:
            return bool(self.title or self.og_title)
        return bool(self.title and self.charset)

    def feed(self, data: bytes) -> None:
        """Reads on, as far as there is need."""
        for start in range(0, len(data), _STEP):
            if self.is_enough or self._depth > _MAX_DEPTH:
                break
            self._parser.feed(data[start : start + _STEP])

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Takes in a start tag, or one that is implied; called by lxml, as are those below."""
        self._depth += 1
        self._elsewhere += tag in _NOT_OF_THE_PAGE
        if tag == "meta":
            self._read_meta(attributes)
        elif tag == "title" and not self._elsewhere and not self.title:
            self._text = []

    def data(self, text: str) -> None:
        """Takes in a piece of text."""
        if self._text is not None:
            self._text.append(text)

    def end(self, tag: str) -> None:
        """Takes in the end of an element."""
        self._depth -= 1
        self._elsewhere -= tag in _NOT_OF_THE_PAGE
        if tag == "head":
            self._head_is_over = True
        elif tag == "title" and self._text is not None:
            self.title = tidy("".join(self._text))
            self._text = None

    def close(self) -> None:
        """Called at the end."""

    def _read_meta(self, attributes: Mapping[str, str]) -> None:
        content = attributes.get("content", "")
        if attributes.get("property", "").lower() == "og:title":
            self.og_title = self.og_title or tidy(content)
        elif attributes.get("http-equiv", "").lower() == "content-type":
            self.charset = self.charset or ContentType.parse(content).charset
        else:
            self.charset = self.charset or attributes.get("charset")
