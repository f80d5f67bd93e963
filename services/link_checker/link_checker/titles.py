"""What a title may look like: one line of text that can be shown anywhere."""

import unicodedata
from typing import Final

from delinkcious.object_model.links import MAX_TITLE_LENGTH

_JOINERS: Final = "\u200c\u200d"
"""Not printable, but part of how Persian, Hindi and emoji are written."""

_ELLIPSIS: Final = "…"
_LONGEST_WORD: Final = 100
"""How much of a title is given up at most, so that it ends with a whole word."""


def tidy(text: str) -> str:
    """Returns the title that a text makes; empty if there is nothing in it to see."""
    kept = (char for char in text if char.isprintable() or char.isspace() or char in _JOINERS)
    title = " ".join("".join(kept).split()).strip(" " + _JOINERS)
    return title if len(title) <= MAX_TITLE_LENGTH else _cut(title)


def _cut(title: str) -> str:
    """Ends a long title after a word, or at least not in the middle of a character."""
    last = MAX_TITLE_LENGTH - len(_ELLIPSIS)
    ends = range(last, last - _LONGEST_WORD, -1)
    word = next((end for end in ends if title[end] == " "), None)
    end = word or next((end for end in ends if _may_begin(title, end)), last)
    return title[:end].rstrip(" " + _JOINERS) + _ELLIPSIS


def _may_begin(title: str, at: int) -> bool:
    """Returns whether a character, as people count them, may begin here."""
    joined = title[at] in _JOINERS or title[at - 1] in _JOINERS
    return not joined and not unicodedata.category(title[at]).startswith("M")
