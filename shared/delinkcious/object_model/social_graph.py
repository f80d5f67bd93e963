"""The social graph: who follows whom."""

from dataclasses import dataclass
from typing import Final, Protocol

from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE

MAX_USER_PAGE_SIZE: Final = 10_000
"""For services that walk a whole list; the public API gives pages of `MAX_PAGE_SIZE` at most."""


@dataclass(frozen=True, slots=True)
class UserPage:
    """A page of usernames, in the order of their code points."""

    usernames: tuple[str, ...]
    next_page_token: str | None


class SocialGraphManager(Protocol):
    """Keeps who follows whom."""

    def follow(self, followed: str, follower: str) -> None:
        """Makes ``follower`` follow ``followed``.

        Raises:
            InvalidArgument: somebody would follow himself.
            AlreadyExists: it is so already.
            NotFound: the account of one of them is being deleted.
        """
        ...

    def unfollow(self, followed: str, follower: str) -> None:
        """Ends it.

        Raises:
            NotFound: ``follower`` does not follow ``followed``.
        """
        ...

    def get_followers(
        self, username: str, start_token: str | None = None, page_size: int = DEFAULT_PAGE_SIZE
    ) -> UserPage:
        """Returns a page of those who follow the user."""
        ...

    def get_following(
        self, username: str, start_token: str | None = None, page_size: int = DEFAULT_PAGE_SIZE
    ) -> UserPage:
        """Returns a page of those whom the user follows."""
        ...

    def get_all_followers(
        self, start_token: str | None = None, page_size: int = DEFAULT_PAGE_SIZE
    ) -> UserPage:
        """Returns a page of all those who follow anybody."""
        ...
