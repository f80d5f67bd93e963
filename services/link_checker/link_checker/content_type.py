"""Content types, as servers and pages name them."""

from dataclasses import dataclass
from email.message import Message
from typing import Final

_HTML: Final = frozenset({"", "text/html", "application/xhtml+xml"})
"""A page without a type is most likely one."""


@dataclass(frozen=True, slots=True)
class ContentType:
    """A content type; empty if none was given.

    Attributes:
        charset: the label of an encoding, which need not exist.
    """

    name: str
    charset: str | None

    @classmethod
    def parse(cls, header: str) -> "ContentType":
        """Reads a header as leniently as e-mail programs must."""
        message = Message()
        message["Content-Type"] = header
        name = message.get_content_type() if header else ""
        return cls(name, message.get_content_charset())

    @property
    def is_html(self) -> bool:
        """Whether it is, or may be, an HTML page."""
        return self.name in _HTML
