"""The head of a response, line by line as libcurl hands it over."""

import re
from typing import Final

_STATUS_LINE: Final = re.compile(rb"HTTP/[\d.]+ +(\d{3})(?!\d)")
_FINAL: Final = 200
_GOOD: Final = range(200, 300)
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class Head:
    """So much of a head as has arrived.

    Args:
        max_bytes: how much is read, with all that is said before the final head (RFC 9110, 15.2).

    Attributes:
        status: 0 until it is known.
        content_type: as the server gave it; empty without.
        complete: whether the body is next.
    """

    def __init__(self, max_bytes: int) -> None:
        self.status = 0
        self.content_type = ""
        self.complete = False
        self._location: bytes | None = None
        self._unread = max_bytes

    @property
    def is_good(self) -> bool:
        """Whether the body is what was asked for."""
        return self.status in _GOOD

    @property
    def location(self) -> bytes | None:
        """Where it redirects to, as the server gave it."""
        return self._location if self.status in _REDIRECTS else None

    def read(self, line: bytes) -> bool:
        """Takes in a line, and returns whether there was room for it."""
        self._unread -= len(line)
        if not self.complete:  # what follows the body is no part of it
            self._take(line.strip())
        return self._unread >= 0

    def _take(self, line: bytes) -> None:
        if begins := _STATUS_LINE.match(line):
            self.status, self.content_type, self._location = int(begins[1]), "", None
        elif not line:
            self.complete = self.status >= _FINAL
        else:
            self._note(line)

    def _note(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        match name.lower():
            case b"content-type":
                self.content_type = value.strip().decode("latin-1")
            case b"location":
                self._location = value.strip() or None
