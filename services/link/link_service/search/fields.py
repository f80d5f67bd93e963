"""The conditions of a query that have a name: how their values are read, and what is expected."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from delinkcious.errors import InvalidArgument
from delinkcious.object_model.links import MAX_TAG_LENGTH, LinkStatus, Visibility
from link_service import domain
from link_service.search.hosts import host_of
from link_service.search.nodes import (
    After,
    Before,
    Field,
    HasStatus,
    HasVisibility,
    Node,
    Site,
    Tagged,
)

_DATE: Final = re.compile(r"([0-9]{4})(-[0-9]{2})?(-[0-9]{2})?")
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Reader:
    """How the value of a field is read.

    Attributes:
        expected: what the value must be, for whoever wrote another.
        read: returns the condition, or raises InvalidArgument, ValueError or OverflowError.
    """

    expected: str
    read: Callable[[str], Node]


def _tagged(value: str) -> Tagged:
    return Tagged(domain.normalize_tag(value))


def _site(value: str) -> Site:
    """Reads a host, also from an address without a path, as it stands in a browser."""
    url = value if "://" in value else f"http://{value}"
    parts = urlsplit(domain.normalize_url(url))
    if parts.port or parts.path != "/" or parts.query or "#" in url:
        raise InvalidArgument("a host has no port, path or query")
    return Site(host_of(parts.geturl()))


def _is(value: str) -> HasStatus | HasVisibility:
    name = value.lower()
    return (
        HasVisibility(Visibility(name)) if name in set(Visibility) else HasStatus(LinkStatus(name))
    )


def _moment(value: str) -> datetime:
    """Returns the moment, in UTC, or the first one of a year, month or day."""
    if date := _DATE.fullmatch(value):
        year, month, day = date.groups(default="-01")
        return datetime.fromisoformat(f"{year}{month}{day}T00:00:00Z")
    if _MOMENT.fullmatch(value):
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    raise ValueError(value)


_A_DATE: Final = "a date such as 2024, 2024-05, 2024-05-31 or 2024-05-31T18:30:00Z"

READERS: Final[Mapping[str, Reader]] = {
    "tag": Reader(f"a tag of 1 to {MAX_TAG_LENGTH} characters, none of them a comma", _tagged),
    "site": Reader("a host such as example.com, without port and path", _site),
    "is": Reader("pending, valid, invalid, public or private", _is),
    "before": Reader(_A_DATE, lambda value: Before(_moment(value))),
    "after": Reader(_A_DATE, lambda value: After(_moment(value))),
}

TEXTS: Final[Mapping[str, Field]] = {"title": Field.TITLE, "url": Field.URL}
"""The texts that can be searched by name."""
