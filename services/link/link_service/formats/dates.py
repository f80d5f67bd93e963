"""Dates in the ways that browsers and link managers write them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER: Final = re.compile(r"([0-9]{9,19})(?:\.([0-9]+))?")
_FIRST_MILLISECOND: Final = 10**11  # as seconds it would be in the year 5138
_FIRST_MICROSECOND: Final = 10**14  # as milliseconds likewise
_FIRST_OF_CHROME: Final = 11_644_473_600_000_000  # as microseconds since 1970 in the year 2339
_FIRST_NANOSECOND: Final = 10**17  # as microseconds in the year 5138
_CHROMES_EPOCH: Final = datetime(1601, 1, 1, tzinfo=UTC)
_ZONE_NAME: Final = re.compile(r"\s*(?:UTC|GMT)$", re.IGNORECASE)
_MAX_LENGTH: Final = 64


def parse_date(text: str) -> datetime | None:
    """Returns the moment in UTC that a text names; None for an empty one and for zero, with which
    browsers say that they do not know.

    Reads numbers of at least nine digits as seconds since 1970, or if that would be absurd as
    milliseconds, microseconds, Chrome's microseconds since 1601, or nanoseconds; and ISO 8601. A
    time without a zone is in UTC.

    Raises:
        ValueError: it is no date, or one that no calendar has.
    """
    stripped = text.strip()
    if not stripped.strip("0"):
        return None
    if len(stripped) > _MAX_LENGTH:
        raise ValueError("too long for a date")
    try:
        number = _NUMBER.fullmatch(stripped)
        return _since_epoch(number) if number else _iso(_ZONE_NAME.sub("", stripped))
    except OverflowError:
        raise ValueError("out of range") from None


def _since_epoch(number: re.Match[str]) -> datetime:
    whole, fraction = int(number[1]), number[2] or ""
    if whole < _FIRST_MILLISECOND:
        return _EPOCH + timedelta(seconds=whole, microseconds=int(fraction.ljust(6, "0")[:6]))
    if whole < _FIRST_MICROSECOND:
        return _EPOCH + timedelta(milliseconds=whole)
    if whole < _FIRST_OF_CHROME:
        return _EPOCH + timedelta(microseconds=whole)
    if whole < _FIRST_NANOSECOND:
        return _CHROMES_EPOCH + timedelta(microseconds=whole)
    return _EPOCH + timedelta(microseconds=whole // 1000)


def _iso(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
