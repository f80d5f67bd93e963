"""What the link manager needs from outside."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from delinkcious.object_model.links import (
    ChangePage,
    CheckResult,
    Link,
    LinkPage,
    LinkQuery,
    Lookup,
    NewLink,
    PublicLink,
    TagPage,
)
from delinkcious.outbox import Entry
from link_service.health import Health, Verdict

Judge = Callable[[Health], Verdict]
"""Says what a check makes of what is known of a URL."""


@dataclass(frozen=True, slots=True)
class SavedUrl:
    """A URL as it is stored once for everybody who saved it.

    Attributes:
        asks: nobody had it before, so a check is to be asked for; unless its host has enough to
            answer, and the check is due like others.
        title: what its page calls itself, if a check has asked.
    """

    id: int
    asks: bool
    title: str | None = None


class LinkTransaction(Protocol):
    """A change of one user's collection, all of it or none; other changes of it wait."""

    def reserve(self, limit: int) -> None:
        """Counts one more link.

        Raises:
            FailedPrecondition: the user has ``limit`` links.
        """
        ...

    def save_url(self, normalized: str, url: str) -> SavedUrl:
        """Returns the URL of this normalised form, stored now if nobody has it."""
        ...

    def insert(self, url_id: int, link: NewLink) -> Link:
        """Stores a link.

        Raises:
            AlreadyExists: the user has a link to that URL.
        """
        ...

    def find(self, normalized: str) -> Link:
        """Returns the user's link to a URL.

        Raises:
            NotFound: the user has no such link.
        """
        ...

    def find_all(self, ids: Sequence[int]) -> list[Link]:
        """Returns the user's links with these ids, by id; the others are left out."""
        ...

    def tagged(self, tag: str, limit: int) -> list[Link]:
        """Returns some of the user's links that have a tag."""
        ...

    def update(self, links: Iterable[tuple[Link, Link]]) -> list[Link]:
        """Stores title, description, visibility and tags of links: each as it was and as it is to
        be. Returns them as they are now.
        """
        ...

    def delete(self, links: Sequence[Link]) -> None:
        """Removes links, the URLs that nobody has any more, and counts the links off."""
        ...

    def request_checks(self, links: Sequence[Link]) -> int:
        """Makes the URLs of links due for a check, ahead of those that nobody waits for; returns
        how many that are.
        """
        ...

    def publish(self, *events: Entry) -> None:
        """Has events published once the transaction is committed."""
        ...


class LinkStore(Protocol):
    """Where links are kept."""

    def change(self, username: str) -> AbstractContextManager[LinkTransaction]:
        """Begins a change of a user's collection, committed if the block ends well.

        Raises:
            NotFound: the account is being deleted.
        """
        ...

    def get_links(self, query: LinkQuery) -> LinkPage:
        """Returns a page of links.

        Raises:
            InvalidArgument: the query is wrong, or a regular expression takes too long.
        """
        ...

    def get_tags(
        self, username: str, *, prefix: str, start_token: str | None, page_size: int
    ) -> TagPage:
        """Returns a page of the user's tags by name."""
        ...

    def lookup(self, username: str, normalized: str) -> Lookup:
        """Returns the user's link to a URL, and how many people saved it publicly."""
        ...

    def get_latest(self, authors: Sequence[str], limit: int) -> Sequence[PublicLink]:
        """Returns the newest public links of some authors together, but for those of the future."""
        ...

    def get_changes(self, username: str, *, since: str | None, page_size: int) -> ChangePage:
        """Returns what changed since a token.

        Raises:
            InvalidArgument: the token is none of ours.
            Gone: deletions since then are no longer known.
        """
        ...

    def record_check(self, normalized: str, result: CheckResult, judge: Judge) -> Verdict | None:
        """Stores the result of a check, with everybody who saved the URL.

        Returns what it came to; None if a newer one is there, or nobody has that URL.
        """
        ...
