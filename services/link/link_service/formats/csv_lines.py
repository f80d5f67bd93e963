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
        has_open_quote: the file has ended in the middle of a quoted cell: more lines were asked
            for after the first of a record.
    """

    def __init__(self, window: Window) -> None:
        self.line = 1
        self.has_open_quote = False
        self._window = window
        self._number = 0
        self._length = 0

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        if not self._window.more():
            self.has_open_quote = self._length > 0
            raise StopIteration
        found = _LINE.match(self._window.text, self._window.position)
        line = found[0] if found else ""
        self._window.position += len(line)
        self._number += 1
        self._length += len(line)
        if self._length > MAX_ROW_LENGTH:
            self._end_line(line)
            raise TooLong
        return line

    def begin_record(self) -> None:
        """Tells that the next line begins a record."""
        self.line = self._number + 1
        self._length = 0
        self.has_open_quote = False

    def _end_line(self, line: str) -> None:
        if not line.endswith(("\r", "\n")):
            self._window.skip_past(_LINE_END)
