"""Feeds in Atom (RFC 4287): what they hold, and how it is written.

Everything that people typed is text here and never markup, so readers show it and run none of it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid5
from xml.etree import ElementTree as ET

import orjson

MEDIA_TYPE: Final = "application/atom+xml"

_NAMESPACE: Final = "http://www.w3.org/2005/Atom"
_OURS: Final = UUID("1f6f4c5e-6a0b-4f0e-9d35-0c5f3a7e9b42")
_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a feed.

    Attributes:
        id: stays the same whatever else of the entry changes; see `permanent_id`.
        url: what it is about.
        author: of the entry; None for the feed's.
    """

    id: str
    title: str
    url: str
    updated: datetime
    published: datetime | None = None
    author: str | None = None
    summary: str = ""
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed. ``url`` is its own address, ``entries`` are newest first."""

    id: str
    title: str
    url: str
    updated: datetime
    author: str
    entries: Sequence[Entry]

    def to_xml(self) -> bytes:
        """Returns the document: the same bytes for the same content."""
        root = ET.Element("feed", xmlns=_NAMESPACE)
        _add(root, "id", self.id)
        _add(root, "title", self.title)
        _add(root, "updated", _time(self.updated))
        _add_person(root, self.author)
        _add(root, "link", rel="self", type=MEDIA_TYPE, href=self.url)
        for entry in self.entries:
            _add_entry(root, entry)
        document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
        return document


def permanent_id(*what: str | int) -> str:
    """Returns the id of what these values, which never change, tell from everything else.

    Neither the host nor the address of the feed is among them: both may change (ADR-0019).
    """
    return uuid5(_OURS, orjson.dumps(what).decode()).urn


def plain(text: str) -> str:
    """Returns a text without the characters that XML 1.0 has no way to write (section 2.2)."""
    return _NOT_IN_XML.sub("", text)


def _add_entry(root: ET.Element, entry: Entry) -> None:
    node = _add(root, "entry")
    _add(node, "id", entry.id)
    _add(node, "title", entry.title)
    _add(node, "updated", _time(entry.updated))
    if entry.published is not None:
        _add(node, "published", _time(entry.published))
    if entry.author is not None:
        _add_person(node, entry.author)
    _add(node, "link", rel="alternate", href=entry.url)
    for category in entry.categories:
        _add(node, "category", term=category)
    if entry.summary:
        _add(node, "summary", entry.summary, type="text")


def _add_person(parent: ET.Element, name: str) -> None:
    _add(_add(parent, "author"), "name", name)


def _add(parent: ET.Element, name: str, text: str = "", **attributes: str) -> ET.Element:
    node = ET.SubElement(parent, name, {key: plain(value) for key, value in attributes.items()})
    node.text = plain(text)
    return node


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
