"""The way of a check from redirect to redirect."""

from typing import Final

from delinkcious.errors import InvalidArgument
from delinkcious.object_model.links import MAX_URL_LENGTH
from link_checker.domain import Outcome
from link_checker.request import NoAnswer
from link_checker.urls import ForbiddenUrl, WebUrl

_FOR_GOOD: Final = frozenset({301, 308})


class Trail:
    """Where a check has come, and where the page lives.

    Attributes:
        url: what to ask next.
    """

    def __init__(self, start: WebUrl) -> None:
        self.url = start
        self._start = start
        self._address = start
        self._for_good = True

    def follow(self, status: int, location: bytes) -> None:
        """Goes where a redirect leads.

        Raises:
            NoAnswer: a check must not go there, or it is nowhere.
        """
        self.url = _target(self.url, location)
        self._for_good = self._for_good and status in _FOR_GOOD
        if self._for_good:
            self._address = self.url

    @property
    def moved_to(self) -> str | None:
        """The address that the page has for good, if it is another one, and fit for a link.

        What comes after a temporary redirect is not for good (RFC 9110, 15.4.3).
        """
        moved = self._address != self._start and len(self._address.text) <= MAX_URL_LENGTH
        return self._address.text if moved else None


def _target(url: WebUrl, location: bytes) -> WebUrl:
    try:
        return url.join(location)
    except ForbiddenUrl:
        raise NoAnswer(Outcome.FORBIDDEN_ADDRESS) from None
    except InvalidArgument:
        raise NoAnswer(Outcome.BAD_RESPONSE) from None
