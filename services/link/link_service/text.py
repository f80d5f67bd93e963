"""What a word is, the same for what is saved and for what is searched (ADR-0020).

Case, accents and the width of characters are folded away; there is no stemming and no dictionary,
so nothing here depends on a language or on the locale of the database.
"""

import re
import unicodedata
from typing import Final
from urllib.parse import unquote

import idna

MAX_WORD_LENGTH: Final = 100
"""Characters of a word that count: longer words are the same if they begin the same."""

_ACCENTS_FROM: Final = 200
"""Combining classes from here on are accents above, below and around a letter (UAX 44, 5.7.4)."""

_POINTS: Final = range(10, 37)
"""Combining classes of the points of Hebrew, Arabic and Syriac, which most writers leave out."""

_OVERLAY: Final = 1

_SILENT: Final = "\u00ad\u034f\u0640\u200c\u200d\u2060\ufeff\ufe00-\ufe0f"
"""What is in words but no part of them: soft hyphens, joiners, variation selectors, tatweel."""

_LETTERS: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "\u0131": "i"}
    | {"æ": "ae", "œ": "oe", "þ": "th"}
)
"""Letters that are written as others where they are not on the keyboard, yet have no accent that
Unicode could take off."""

_TRADE_MARKS: Final = re.compile("[™℠]")
"""Compatibility letters that would be glued to the word before them."""

_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Myanmar, Khmer
    "\u1100-\u11ff\uac00-\ud7ff"  # Hangul
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff"  # Han
)
"""Scripts without spaces between words (or, Korean, with particles joined to them)."""


def _marks() -> tuple[str, str]:
    """Returns the marks that are folded away, and those that belong to their letter.

    Those of the basic plane: with others, ``re`` tests the characters of a set one by one.
    """
    folded: list[str] = []
    kept: list[str] = []
    for mark in map(chr, range(0x300, 0x10000)):
        if unicodedata.category(mark).startswith("M"):
            kind = unicodedata.combining(mark)
            is_accent = kind >= _ACCENTS_FROM or kind in _POINTS or kind == _OVERLAY
            (folded if is_accent else kept).append(mark)
    return "".join(folded), "".join(kept)


_ACCENTS, _MARKS = _marks()
_FOLDED_AWAY: Final = re.compile(f"[{_ACCENTS}{_SILENT}]+")
_ASCII_WORD: Final = re.compile(r"[^\W_]+", re.ASCII)
_WORD: Final = re.compile(
    rf"(?=[{_UNSPACED}])[^\W_][{_MARKS}]*|(?:[^\W_{_UNSPACED}]|[{_MARKS}])+",
)
_URL_START: Final = re.compile(r"https?://(?:www\.)?(?=[^/\s])", re.IGNORECASE)
_PUNYCODE: Final = re.compile(r"xn--[a-z0-9-]+", re.IGNORECASE)


def fold(text: str) -> str:
    """Returns the form in which texts are compared: no case, no accents, no compatibility forms."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", _TRADE_MARKS.sub(" ", text))
    letters = _FOLDED_AWAY.sub("", decomposed).casefold().translate(_LETTERS)
    return unicodedata.normalize("NFC", letters)


def words(text: str) -> list[str]:
    """Returns the words of a text in their order, folded.

    A word is a run of letters and digits; each character of a script without spaces is a word of
    its own, so that a part of a sentence is found as a phrase.
    """
    folded = fold(text)
    pattern = _ASCII_WORD if folded.isascii() else _WORD
    return [word[:MAX_WORD_LENGTH] for word in pattern.findall(folded)]


def url_words(url: str) -> list[str]:
    """Returns the words of a URL as people read it: escapes and punycode decoded."""
    if "%" in url:
        url = unquote(url)
    if "xn--" in url.lower():
        url = _PUNYCODE.sub(_unicode_label, url)
    return words(url)


def query_words(text: str, *, is_url: bool = False) -> list[str]:
    """Returns the words of a searched text.

    The beginning of a URL that is pasted in is left out: it leads to the same page with and
    without ``https://`` and ``www.``.
    """
    start = _URL_START.match(text)
    if start:
        return url_words(text[start.end() :])
    return url_words(text) if is_url else words(text)


def _unicode_label(match: re.Match[str]) -> str:
    try:
        return idna.ulabel(match[0])
    except idna.IDNAError:
        return match[0]
