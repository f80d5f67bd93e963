"""What a check can find: the outcomes, told apart so that each can be treated in its own way.

How the outcome is found out is left to the checker, and what follows from it (whether a link is
shown as broken, when it is checked again) to the link service.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from delinkcious.object_model.links import LinkStatus


class Outcome(StrEnum):
    """What became of a check."""

    OK = "ok"
    MOVED = "moved"
    """It answers, at another address, which the old one says is for good."""
    NOT_FOUND = "not_found"
    GONE = "gone"
    BLOCKED = "blocked"
    """The page may be there, but not for us: it wants a login, or no robots, or fewer requests."""
    CLIENT_ERROR = "client_error"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    DNS = "dns"
    TLS = "tls"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    FORBIDDEN_ADDRESS = "forbidden_address"
    """It leads where a check must not go: `network` says where that is."""
    TOO_MANY_REDIRECTS = "too_many_redirects"
    TOO_LARGE = "too_large"
    BAD_RESPONSE = "bad_response"
    """The server broke off, or said what is not HTTP."""
    INVALID_URL = "invalid_url"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check.

    Attributes:
        http_status: of the final response, if there was one.
        title: the page's own, if it was wanted and found.
        moved_to: the URL that the page has now; with ``moved`` only.
    """

    outcome: Outcome
    http_status: int | None = None
    title: str | None = None
    moved_to: str | None = None

    @property
    def link_status(self) -> LinkStatus:
        """Whether the page answers."""
        return LinkStatus.VALID if self.outcome in _ANSWERS else LinkStatus.INVALID


_ANSWERS: Final = frozenset({Outcome.OK, Outcome.MOVED})
_FINAL: Final = 200
_ERROR: Final = 400
_SERVER_ERROR: Final = 500
_BY_STATUS: Final = {
    404: Outcome.NOT_FOUND,
    410: Outcome.GONE,
    # The last is what LinkedIn answers to programs.
    **dict.fromkeys((401, 403, 407, 429, 451, 503, 999), Outcome.BLOCKED),
}


def outcome_of_status(status: int) -> Outcome:
    """Returns what the status of a final response means."""
    if status < _FINAL:
        return Outcome.BAD_RESPONSE
    if status < _ERROR:
        return Outcome.OK
    default = Outcome.SERVER_ERROR if status >= _SERVER_ERROR else Outcome.CLIENT_ERROR
    return _BY_STATUS.get(status, default)
