"""A query as a tree: what `parser` makes of a text, `condition` of a tree for Postgres, and
`matches` for links in memory.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from delinkcious.object_model.links import LinkStatus, Visibility


class Field(StrEnum):
    """The texts of a link that are searched. The value is the weight of its words in a tsvector."""

    TITLE = "A"
    DESCRIPTION = "B"
    URL = "C"
    TAGS = "D"


@dataclass(frozen=True, slots=True)
class And:
    """All of its parts match. There are at least two, none of them an `And`."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of its parts matches, or several. There are at least two, none of them an `Or`."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Its part, which is no `Not`, does not match."""

    part: "Node"


@dataclass(frozen=True, slots=True)
class Words:
    """These words stand side by side in one text of the link.

    Attributes:
        words: one or more, as `text.words` returns them.
        prefix: the last one is only the beginning of a word.
        field: where to look; None for everywhere.
    """

    words: tuple[str, ...]
    prefix: bool = False
    field: Field | None = None


@dataclass(frozen=True, slots=True)
class Tagged:
    """The link has this tag, given in its stored form."""

    name: str


@dataclass(frozen=True, slots=True)
class Untagged:
    """The link has no tags."""


@dataclass(frozen=True, slots=True)
class Site:
    """The link leads to this host or to one below it. The host is in its normalised form."""

    host: str


@dataclass(frozen=True, slots=True)
class HasStatus:
    """The link's last check came to this."""

    status: LinkStatus


@dataclass(frozen=True, slots=True)
class HasVisibility:
    """The link is public, or private."""

    visibility: Visibility


@dataclass(frozen=True, slots=True)
class Before:
    """The link was saved before this moment."""

    moment: datetime


@dataclass(frozen=True, slots=True)
class After:
    """The link was saved at this moment or after it."""

    moment: datetime


Node = (
    And | Or | Not | Words | Tagged | Untagged | Site | HasStatus | HasVisibility | Before | After
)
