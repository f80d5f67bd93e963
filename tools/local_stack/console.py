"""What the person who runs the stack sees: our own lines, and the services' logs between them."""

import os
import sys
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import TextIO

_HELD_LINES = 10_000


class Console:
    """Writes whole lines to the terminal; logs are held back until the start is over."""

    def __init__(self, output: TextIO = sys.stdout) -> None:
        self._output = output
        self._partial: defaultdict[str, bytes] = defaultdict(bytes)
        self._held: deque[str] | None = deque(maxlen=_HELD_LINES)

    def say(self, line: str) -> None:
        """Print a line of our own."""
        self._print(line)

    def log(self, source: str, data: bytes) -> None:
        """Print what a process wrote, once its lines are complete."""
        *lines, self._partial[source] = (self._partial[source] + data).split(b"\n")
        for line in lines:
            self._show(line.decode(errors="replace"))

    def release(self) -> None:
        """Print the logs that were held back, and all later ones at once."""
        held, self._held = self._held, None
        for line in held or ():
            self._print(line)

    def _show(self, line: str) -> None:
        if self._held is None:
            self._print(line)
        else:
            self._held.append(line)

    def _print(self, line: str) -> None:
        try:
            print(line, file=self._output, flush=True)
        except OSError:
            # Nobody reads any more, as after `make run | head`: the stack runs on in silence.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._output.fileno())


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """The rows as aligned text."""
    cells = [[*header], *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
