"""Links: what a user saved, how it is asked for, and what manages it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

import orjson

from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE

MAX_URL_LENGTH: Final = 2048
MAX_TITLE_LENGTH: Final = 500
MAX_DESCRIPTION_LENGTH: Final = 10_000
MAX_TAG_LENGTH: Final = 64
MAX_TAGS: Final = 50
MAX_REGEX_LENGTH: Final = 200
MAX_QUERY_LENGTH: Final = 1000
MAX_AUTHORS: Final = 100
"""Of how many authors the newest links are asked for at once."""
MAX_CHECKS: Final = 100
"""How many links one call has checked at most."""


class Visibility(StrEnum):
    """Who may see a link."""

    PUBLIC = "public"
    PRIVATE = "private"


class LinkStatus(StrEnum):
    """Whether the page behind a link answers."""

    PENDING = "pending"
    VALID = "valid"
    INVALID = "invalid"


class Sort(StrEnum):
    """What a list of links is sorted by; ties by id."""

    CREATED = "created"
    UPDATED = "updated"
    TITLE = "title"


class Order(StrEnum):
    """Which end of a list comes first."""

    ASCENDING = "asc"
    DESCENDING = "desc"


@dataclass(frozen=True, slots=True)
class LastCheck:
    """The newest check of a URL.

    Attributes:
        outcome: ``ok``, or in a word what went wrong.
        http_status: the status of the final response, if there was one.
        attempts: how many checks have been made since the page last answered, this one included.
    """

    outcome: str
    http_status: int | None
    at: datetime
    attempts: int = 1


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
                check["outcome"],
                check["http_status"],
                datetime.fromisoformat(check["at"]),
                check["attempts"],
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
    """Which links of a user to return. Every filter that is given must match.

    Attributes:
        q: in the query language (docs/search.md).
        url_regex: a POSIX regular expression, case-insensitive, that matches anywhere in the URL;
            the other two likewise.
        tags: the link has all of them.
        public_only: leaves out the private ones, for everybody but the owner.
        order: by default the newest first, and titles from A to Z.
    """

    username: str
    q: str | None = None
    url_regex: str | None = None
    title_regex: str | None = None
    description_regex: str | None = None
    tags: tuple[str, ...] = ()
    status: LinkStatus | None = None
    public_only: bool = False
    sort: Sort = Sort.CREATED
    order: Order | None = None
    start_token: str | None = None
    page_size: int = DEFAULT_PAGE_SIZE

    @property
    def by_regex(self) -> bool:
        """Whether it has regular expressions, with which it may take long."""
        return bool(self.url_regex or self.title_regex or self.description_regex)

    @property
    def descending(self) -> bool:
        """Whether the greatest come first."""
        if self.order is None:
            return self.sort is not Sort.TITLE
        return self.order is Order.DESCENDING


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
class TagPage:
    """A page of tags by name."""

    tags: Sequence[TagCount]
    next_page_token: str | None


@dataclass(frozen=True, slots=True)
class Lookup:
    """What is known of a URL: the user's own link to it, if any, and how many people saved it
    publicly.
    """

    link: Link | None
    saved_by: int


@dataclass(frozen=True, slots=True)
class ChangePage:
    """What changed in a collection, kept as the JSON document of the API."""

    body: bytes

    @property
    def changes(self) -> list[dict[str, Any]]:
        """The changes, decoded."""
        changes: list[dict[str, Any]] = orjson.loads(self.body)["changes"]
        return changes

    @property
    def next_token(self) -> str:
        """Where the changes after these begin."""
        token: str = orjson.loads(self.body)["next_token"]
        return token


@dataclass(frozen=True, slots=True)
class BulkChange:
    """What to do with many links of a user, named by their ids or by a query.

    Attributes:
        ids: of links; those that the user does not have are passed over.
        q: in the query language; with ``start_token``, goes on behind the links of the call before.
        delete: excludes every other change.
        check: have them checked soon, whatever was found before.
    """

    ids: tuple[int, ...] | None = None
    q: str | None = None
    start_token: str | None = None
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    visibility: Visibility | None = None
    delete: bool = False
    check: bool = False


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What a bulk change did: how many links it found, and the ids of those that it changed.

    Attributes:
        next_page_token: how to go on when the query found more than one call changes.
    """

    found: int
    changed: tuple[int, ...]
    deleted: tuple[int, ...]
    checks: int
    next_page_token: str | None


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


@dataclass(frozen=True, slots=True)
class PublicLink:
    """A link that its author shows to everybody, as events tell of it.

    Attributes:
        added_at: when it was saved, or when it says that it was, if it was imported.
    """

    author: str
    id: int
    url: str
    title: str
    tags: tuple[str, ...]
    added_at: datetime


class LinkManager(Protocol):
    """Keeps the links of all users. ``username`` is who owns them, known to be authentic."""

    def get_links(self, query: LinkQuery) -> LinkPage:
        """Returns a page of links.

        Raises:
            InvalidArgument: the query or the page token is wrong.
        """
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

    def get_tags(
        self,
        username: str,
        *,
        prefix: str = "",
        start_token: str | None = None,
        page_size: int = MAX_PAGE_SIZE,
    ) -> TagPage:
        """Returns a page of the user's tags by name, those that begin with ``prefix``."""
        ...

    def rename_tag(self, username: str, name: str, new_name: str) -> int:
        """Renames a tag on every link, merging it with one that has the new name already.

        Returns how many links had it.

        Raises:
            NotFound: no link of the user has that tag.
            InvalidArgument: naming the name that is no tag.
        """
        ...

    def delete_tag(self, username: str, name: str) -> int:
        """Takes a tag from every link and returns how many had it.

        Raises:
            NotFound: no link of the user has that tag.
        """
        ...

    def bulk_change(self, username: str, change: BulkChange) -> BulkResult:
        """Changes up to 1,000 links in one transaction.

        Raises:
            InvalidArgument: nothing to do, links named in two ways, or a wrong query.
        """
        ...

    def check_links(
        self, username: str, *, url: str | None = None, ids: Sequence[int] | None = None
    ) -> int:
        """Has some of the user's links checked soon, whatever was found before; they are named by a
        URL or by up to 100 ids, of which those that the user does not have are passed over.

        Returns how many URLs will be checked.

        Raises:
            NotFound: the user has no such link.
            InvalidArgument: they are named in two ways, or not at all, or are too many.
        """
        ...

    def lookup(self, username: str, url: str) -> Lookup:
        """Says whether the user has a link to a URL, and how many people saved it publicly."""
        ...

    def get_latest(self, authors: Sequence[str], limit: int) -> Sequence[PublicLink]:
        """Returns the newest public links of some authors together, newest first.

        Raises:
            InvalidArgument: they are more than `MAX_AUTHORS`, or ``limit`` is too large.
        """
        ...

    def get_changes(
        self, username: str, *, since: str | None = None, page_size: int = DEFAULT_PAGE_SIZE
    ) -> ChangePage:
        """Returns what was added, changed or deleted since a token, oldest first; without a token,
        every link.

        Raises:
            InvalidArgument: the token is none of ours.
            Gone: deletions since then are no longer known: begin afresh.
        """
        ...
