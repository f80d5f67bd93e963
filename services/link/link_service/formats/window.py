"""A view on a long text that moves forward and is never longer than it must be."""

import re
from collections.abc import Iterator
from typing import Final

from link_service.formats.rows import MAX_ROW_LENGTH

_SEAM: Final = 64


class Window:
    """What of a text is at hand: whatever begins before `limit` can be seen up to
    `MAX_ROW_LENGTH` characters far, or to the end of the text.

    Attributes:
        text: what is at hand.
        position: where in it reading goes on; whoever reads moves it, forward only.
        limit: where in it reading must stop to call `more`.
        ended: there is no text after this.
    """

    def __init__(self, blocks: Iterator[str]) -> None:
        self.text = ""
        self.position = 0
        self.limit = 0
        self.ended = False
        self._blocks = blocks
        self._line = 1
        self._counted = 0

    @property
    def line(self) -> int:
        """The line of the position, from 1, by the line feeds before it."""
        self._line += self.text.count("\n", self._counted, self.position)
        self._counted = self.position
        return self._line

    def more(self) -> bool:
        """Sees to it that something can be read at the position; False at the end of the text."""
        if self.position < self.limit:
            return True
        self._fill()
        return self.position < self.limit

    def skip_past(self, mark: re.Pattern[str]) -> bool:
        """Moves behind the next such mark; to the end of the text and False if there is none."""
        while self.more():
            found = mark.search(self.text, self.position)
            if found:
                self.position = found.end()
                return True
            # What is at hand may end with the first characters of the mark.
            self.position = max(self.position, len(self.text) - (0 if self.ended else _SEAM))
        return False

    def _fill(self) -> None:
        kept = [self.text[self.position :]]
        size = len(kept[0])
        _ = self.line
        self._counted = self.position = 0
        while size <= MAX_ROW_LENGTH and not self.ended:
            block = next(self._blocks, None)
            if block is None:
                self.ended = True
            else:
                kept.append(block)
                size += len(block)
        self.text = "".join(kept)
        self.limit = size if self.ended else size - MAX_ROW_LENGTH
