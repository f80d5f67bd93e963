"""The lines of a CSV file, as the csv module wants them, no longer than a row may be."""

import re
from typing import Final

from link_service.formats.rows import MAX_ROW_LENGTH
from link_service.formats.window import Window

_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n?|\n)?")
_LINE_END: Final = re.compile(r"\r\n?|\n")


class TooLong(Exception):
    """A record is longer than a row may be. What follows can be read."""


class Lines:
    """An iterator over lines with their ends, which goes on after it has raised `TooLong`.

    Attributes:
        line: where the record begins that is being read, from 1.
    """

    def __init__(self, window: Window) -> None:
        self.line = 1
        self._window = window
        self._number = 0
        self._length = 0
        self._quotes = 0

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        if not self._window.more():
            raise StopIteration
        found = _LINE.match(self._window.text, self._window.position)
        line = found[0] if found else ""
        self._window.position += len(line)
        self._number += 1
        self._length += len(line)
        self._quotes += line.count('"')
        if self._length > MAX_ROW_LENGTH:
            self._end_line(line)
            raise TooLong
        return line

    def begin_record(self) -> None:
        """Tells that the next line begins a record."""
        self.line = self._number + 1
        self._length = self._quotes = 0

    @property
    def has_open_quote(self) -> bool:
        """The file has ended in the middle of a quoted cell that began on an earlier line."""
        several = self._number > self.line
        return several and self._quotes % 2 == 1 and not self._window.more()

    def _end_line(self, line: str) -> None:
        if not line.endswith(("\r", "\n")):
            self._window.skip_past(_LINE_END)
