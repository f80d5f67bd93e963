"""What the link manager needs from outside."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from delinkcious.object_model.links import (
    CheckResult,
    Link,
    LinkPage,
    LinkQuery,
    LinkStatus,
    NewLink,
    TagCount,
)
from delinkcious.outbox import Entry


@dataclass(frozen=True, slots=True)
class SavedUrl:
    """A URL as it is stored once for everybody who saved it.

    Attributes:
        is_new: nobody had it before, so it has never been checked.
    """

    id: int
    is_new: bool


class LinkTransaction(Protocol):
    """What is done in one transaction, all of it or none."""

    def reserve(self, username: str, limit: int) -> None:
        """Counts one more link of the user; adds of the same user wait for one another here.

        Raises:
            FailedPrecondition: the user has ``limit`` links.
        """
        ...

    def release(self, username: str) -> None:
        """Counts one link of the user less; to be called before the link is locked, since adds
        take the same two locks in that order.
        """
        ...

    def save_url(self, normalized: str, url: str) -> SavedUrl:
        """Returns the URL of this normalised form, stored now if nobody has it."""
        ...

    def insert(self, username: str, url_id: int, link: NewLink) -> Link:
        """Stores a link.

        Raises:
            AlreadyExists: the user has a link to that URL.
        """
        ...

    def lock(self, username: str, normalized: str) -> Link:
        """Returns a link that nobody else can change until the transaction ends.

        Raises:
            NotFound: the user has no such link.
        """
        ...

    def update(self, username: str, link: Link) -> Link:
        """Stores the title, description, visibility and tags of a link that is locked."""
        ...

    def delete(self, username: str, link: Link) -> None:
        """Removes a link that is locked, and its URL if nobody else has it."""
        ...

    def publish(self, *events: Entry) -> None:
        """Has events published once the transaction is committed."""
        ...


class LinkStore(Protocol):
    """Where links are kept."""

    def transaction(self) -> AbstractContextManager[LinkTransaction]:
        """Begins a transaction, committed if the block ends well."""
        ...

    def get_links(self, query: LinkQuery) -> LinkPage:
        """Returns a page of links, newest first.

        Raises:
            InvalidArgument: a regular expression is wrong, or takes too long.
        """
        ...

    def get_tags(self, username: str) -> list[TagCount]:
        """Returns the user's tags by name."""
        ...

    def record_check(self, normalized: str, result: CheckResult, status: LinkStatus) -> None:
        """Stores the result of a check unless a newer one is there; an unknown URL is no error."""
        ...
