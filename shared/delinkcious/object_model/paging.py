"""Page tokens: where the next page starts, opaque to whoever passes them on.

A token holds the sort key of the last row that was returned (keyset paging), so rows that are added
meanwhile are neither skipped nor repeated.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final

import orjson

from delinkcious.errors import InvalidArgument

DEFAULT_PAGE_SIZE: Final = 20
MAX_PAGE_SIZE: Final = 1000
MAX_TOKEN_LENGTH: Final = 1024

Key = str | int


def encode_token(*key: Key) -> str:
    """Returns the token for the page that starts after this sort key."""
    return urlsafe_b64encode(orjson.dumps(key)).rstrip(b"=").decode()


def decode_token(token: str, types: Sequence[type[Key]]) -> tuple[Key, ...]:
    """Returns the sort key in a token.

    Raises:
        InvalidArgument: the token is not one of ours, or of another kind of list.
    """
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        key = orjson.loads(urlsafe_b64decode(padded)) if len(token) <= MAX_TOKEN_LENGTH else None
    except (UnicodeEncodeError, binascii.Error, orjson.JSONDecodeError):
        key = None
    if (
        not isinstance(key, list)
        or [type(part) for part in key] != list(types)
        or not all(_can_be_stored(part) for part in key)
    ):
        raise InvalidArgument.of("start_token", "is not a page token of this list")
    return tuple(key)


def _can_be_stored(part: Key) -> bool:
    """Tells whether part of a key can be one of ours: a forged token may hold anything."""
    return "\0" not in part if isinstance(part, str) else 0 <= part < 2**63
