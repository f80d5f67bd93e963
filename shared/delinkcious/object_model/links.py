"""Links: what a user saved, how it is asked for, and what manages it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

import orjson

from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE

MAX_URL_LENGTH: Final = 2048
MAX_TITLE_LENGTH: Final = 500
MAX_DESCRIPTION_LENGTH: Final = 10_000
MAX_TAG_LENGTH: Final = 64
MAX_TAGS: Final = 50
MAX_REGEX_LENGTH: Final = 200


class Visibility(StrEnum):
    """Who may see a link."""

    PUBLIC = "public"
    PRIVATE = "private"


class LinkStatus(StrEnum):
    """Whether the page behind a link answers."""

    PENDING = "pending"
    VALID = "valid"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class LastCheck:
    """The newest check of a URL.

    Attributes:
        outcome: ``ok``, or in a word what went wrong.
        http_status: the status of the final response, if there was one.
    """

    outcome: str
    http_status: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a user. ``tags`` are normalised and sorted; ``url`` is as the user gave it."""

    id: int
    url: str
    title: str
    description: str
    tags: tuple[str, ...]
    visibility: Visibility
    status: LinkStatus
    last_check: LastCheck | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Link":
        """Returns the link that a JSON object of the API describes."""
        check = fields["last_check"]
        return cls(
            id=fields["id"],
            url=fields["url"],
            title=fields["title"],
            description=fields["description"],
            tags=tuple(fields["tags"]),
            visibility=Visibility(fields["visibility"]),
            status=LinkStatus(fields["status"]),
            last_check=LastCheck(
                check["outcome"], check["http_status"], datetime.fromisoformat(check["at"])
            )
            if check
            else None,
            created_at=datetime.fromisoformat(fields["created_at"]),
            updated_at=datetime.fromisoformat(fields["updated_at"]),
        )

    def to_json(self) -> dict[str, Any]:
        """Returns the JSON object of the API."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class LinkPage:
    """A page of links, kept as the JSON document of the API.

    The store encodes it once and everything between it and the client passes the bytes on.
    """

    body: bytes

    @classmethod
    def of(cls, links: Sequence[Link], next_page_token: str | None) -> "LinkPage":
        """Returns the page of these links."""
        content = {"links": [link.to_json() for link in links], "next_page_token": next_page_token}
        return cls(orjson.dumps(content))

    @property
    def links(self) -> list[Link]:
        """The links, decoded."""
        return [Link.from_json(link) for link in orjson.loads(self.body)["links"]]

    @property
    def next_page_token(self) -> str | None:
        """Where the next page starts; None on the last one."""
        token: str | None = orjson.loads(self.body)["next_page_token"]
        return token


@dataclass(frozen=True, slots=True)
class LinkQuery:
    """Which links of a user to return, newest first. Every filter that is given must match.

    Attributes:
        url_regex: a POSIX regular expression, case-insensitive, that matches anywhere in the URL;
            the other two likewise.
        tags: the link has all of them.
        public_only: leaves out the private ones, for everybody but the owner.
    """

    username: str
    url_regex: str | None = None
    title_regex: str | None = None
    description_regex: str | None = None
    tags: tuple[str, ...] = ()
    status: LinkStatus | None = None
    public_only: bool = False
    start_token: str | None = None
    page_size: int = DEFAULT_PAGE_SIZE


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link to be saved."""

    url: str
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    visibility: Visibility = Visibility.PUBLIC


@dataclass(frozen=True, slots=True)
class LinkChange:
    """What to change in the link that ``url`` names; None leaves a field as it is."""

    url: str
    title: str | None = None
    description: str | None = None
    visibility: Visibility | None = None
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TagCount:
    """A tag of a user and on how many of the user's links it is."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check of a URL found.

    Attributes:
        url_id: the link service's id of the URL; None when whoever asked did not know it.
        title: the page's own, of at most `MAX_TITLE_LENGTH` characters; None unless it was wanted,
            and found.
    """

    url: str
    outcome: str
    http_status: int | None
    checked_at: datetime
    url_id: int | None = None
    title: str | None = None


class LinkManager(Protocol):
    """Keeps the links of all users. ``username`` is who owns them, known to be authentic."""

    def get_links(self, query: LinkQuery) -> LinkPage:
        """Returns a page of links, newest first."""
        ...

    def add_link(self, username: str, link: NewLink) -> Link:
        """Saves a link, with status ``pending`` unless its URL was checked before.

        Raises:
            AlreadyExists: the user has that link, by the normalised form of its URL.
            FailedPrecondition: the user has as many links as one may have.
            InvalidArgument: naming each wrong field.
        """
        ...

    def update_link(self, username: str, change: LinkChange) -> Link:
        """Changes a link and returns it.

        Raises:
            NotFound: the user has no such link.
            InvalidArgument: naming each wrong field.
        """
        ...

    def delete_link(self, username: str, url: str) -> None:
        """Removes a link.

        Raises:
            NotFound: the user has no such link.
        """
        ...

    def get_tags(self, username: str) -> list[TagCount]:
        """Returns the user's tags by name."""
        ...
