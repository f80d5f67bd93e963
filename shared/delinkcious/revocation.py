"""What the user service tells of tokens that open nothing any more, and who hears it.

The gateway remembers for a few seconds whom a token belongs to (ADR-0016); this has it forget.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from delinkcious.messaging.event import Event, MalformedEvent

CREDENTIALS_REVOKED: Final = "users.credentials_revoked"

_MOST_NAMED: Final = 1000
_DIGEST_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Revocation:
    """Sessions and API tokens of a user that are revoked.

    Attributes:
        digests: the SHA-256 of each; None: all that the user had up to now.
    """

    username: str
    digests: frozenset[bytes] | None = None

    @classmethod
    def of_some(cls, username: str, digests: Collection[bytes]) -> Self:
        """Returns the revocation of these. Of very many it says all: who has forgotten a token
        that is still good asks again.
        """
        return cls(username, frozenset(digests) if len(digests) <= _MOST_NAMED else None)

    @classmethod
    def of(cls, event: Event) -> Self:
        """Reads ``users.credentials_revoked``.

        Raises:
            MalformedEvent: it will never make sense.
        """
        try:
            username = _name(event.data["username"])
            if event.data.get("all") is True:
                return cls(username)
            return cls(username, frozenset(_digest(text) for text in event.data["digests"]))
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedEvent.of("data", f"revokes nothing: {error!r}") from None

    def to_data(self) -> Mapping[str, Any]:
        """Returns the data of ``users.credentials_revoked``."""
        if self.digests is None:
            return {"username": self.username, "all": True}
        return {
            "username": self.username,
            "digests": sorted(digest.hex() for digest in self.digests),
        }


def _name(username: object) -> str:
    if not isinstance(username, str):
        raise TypeError(type(username))
    return username


def _digest(text: str) -> bytes:
    digest = bytes.fromhex(text)
    if len(digest) != _DIGEST_BYTES:
        raise ValueError(text)
    return digest
