"""The rules of the social graph: who may follow whom, and how long lists of people are cut."""

from collections.abc import Sequence

from delinkcious.errors import InvalidArgument
from delinkcious.object_model.paging import decode_token, encode_token
from delinkcious.object_model.social_graph import UserPage

BEFORE_ALL = ""
"""Sorts before every username."""


def check_follow(followed: str, follower: str) -> None:
    """Refuses somebody who would follow himself.

    Raises:
        InvalidArgument: naming ``followed``.
    """
    if followed == follower:
        raise InvalidArgument.of("followed", "nobody can follow himself")


def page_start(start_token: str | None) -> str:
    """Returns the username after which a page begins.

    Raises:
        InvalidArgument: the token is not one of ours.
    """
    if start_token is None:
        return BEFORE_ALL
    (username,) = decode_token(start_token, (str,))
    return str(username)


def to_page(usernames: Sequence[str], page_size: int) -> UserPage:
    """Returns the page that begins with these usernames; one too many means that more follow."""
    shown = tuple(usernames[:page_size])
    more = len(usernames) > page_size
    return UserPage(shown, encode_token(shown[-1]) if more else None)
