"""The text inside an element of HTML."""

import re
from dataclasses import dataclass, field
from typing import Final

from link_service.formats.markup import unescape_text
from link_service.formats.rows import MAX_ROW_LENGTH

_SPACE: Final = " \t\n\f"
_SPACES: Final = re.compile(f"[{_SPACE}]+")


@dataclass(slots=True)
class Content:
    """Text that comes in pieces, as it stands in the file. No more of it than a row may have is
    kept. White space that is written as a character reference is never dropped.
    """

    _pieces: list[str] = field(default_factory=list)
    _length: int = 0

    def add(self, source: str) -> None:
        """Adds a piece."""
        self._length += len(source)
        if not self.is_too_long:
            self._pieces.append(source)

    @property
    def is_too_long(self) -> bool:
        """There was more of it than a row may have."""
        return self._length > MAX_ROW_LENGTH

    @property
    def on_one_line(self) -> str:
        """The text with single spaces, as browsers show it."""
        return unescape_text(_SPACES.sub(" ", "".join(self._pieces)).strip(_SPACE))

    @property
    def on_lines(self) -> str:
        """The text without the white space around it."""
        return unescape_text("".join(self._pieces).strip(_SPACE))
