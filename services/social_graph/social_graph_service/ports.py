"""What the social graph manager needs from outside."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from delinkcious.deletion import DeletedUser
from delinkcious.outbox import Entry


class FollowTransaction(Protocol):
    """What is done in one transaction, all of it or none."""

    def insert(self, followed: str, follower: str) -> None:
        """Stores that one follows the other.

        Raises:
            AlreadyExists: it is so already.
            NotFound: the account of one of them is being deleted.
        """
        ...

    def delete(self, followed: str, follower: str) -> None:
        """Removes it.

        Raises:
            NotFound: it is not so.
        """
        ...

    def publish(self, *events: Entry) -> None:
        """Has events published once the transaction is committed."""
        ...


class FollowStore(Protocol):
    """Where it is kept who follows whom. Lists are in the order of code points."""

    def transaction(self) -> AbstractContextManager[FollowTransaction]:
        """Begins a transaction, committed if the block ends well."""
        ...

    def get_followers(self, username: str, after: str, limit: int) -> Sequence[str]:
        """Returns the first ``limit`` of the user's followers whose names sort after ``after``."""
        ...

    def get_following(self, username: str, after: str, limit: int) -> Sequence[str]:
        """Returns the first ``limit`` of those whom the user follows, in the same way."""
        ...

    def get_all_followers(self, after: str, limit: int) -> Sequence[str]:
        """Returns the first ``limit`` of those who follow anybody, in the same way."""
        ...

    def purge_some(self, user: DeletedUser) -> bool:
        """Ends some of what a deleted user follows and is followed by, and has that published; from
        the first call on, nothing new begins.

        Returns:
            Whether nothing is left; that is published, too, as often as it is found.
        """
        ...
