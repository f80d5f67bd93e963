"""The check: does the page behind a URL answer?"""

from time import monotonic
from typing import Final, Protocol

from delinkcious.errors import InvalidArgument
from link_checker.domain import Finding, Outcome, outcome_of_status
from link_checker.fetch import Answer, Method, NoAnswer
from link_checker.urls import ForbiddenUrl, WebUrl

_ERROR: Final = 400
_SHARE_OF_HEAD: Final = 0.5
"""Of the time that is left: some servers never answer a HEAD, and the GET needs time as well."""


class Web(Protocol):
    """Whoever makes requests: `link_checker.fetch.Fetcher`, or a double."""

    def fetch(self, method: Method, url: WebUrl, seconds: float) -> Answer:
        """Makes one request, without following redirects.

        Raises:
            NoAnswer: it failed.
        """
        ...


class Checker:
    """Checks URLs over HTTP; see `link_checker.ports.LinkChecker`. Safe to share between threads.

    Args:
        timeout: seconds that a check may take, with all its redirects.
        max_redirects: how many are followed.
    """

    def __init__(self, web: Web, *, timeout: float, max_redirects: int) -> None:
        self._web = web
        self._timeout = timeout
        self._max_redirects = max_redirects

    def check(self, url: str) -> Finding:
        """Returns what became of the request for a URL, after the redirects."""
        try:
            return self._follow(WebUrl.parse(url), monotonic() + self._timeout)
        except InvalidArgument:
            return Finding(Outcome.INVALID_URL)
        except NoAnswer as failure:
            return Finding(failure.outcome, failure.status)

    def _follow(self, url: WebUrl, deadline: float) -> Finding:
        answer = self._ask(url, deadline)
        for _ in range(self._max_redirects):
            if answer.location is None:
                break
            answer = self._ask(_next(answer.location), deadline)
        if answer.location is not None:
            return Finding(Outcome.TOO_MANY_REDIRECTS, answer.status)
        return Finding(outcome_of_status(answer.status), answer.status)

    def _ask(self, url: WebUrl, deadline: float) -> Answer:
        """Asks with HEAD, which costs the server least, and believes it only if all is well.

        Many servers refuse a HEAD, or answer it as no browser would ever see it; so unless they
        could not be reached at all, what a GET says counts.
        """
        try:
            answer = self._web.fetch("HEAD", url, (deadline - monotonic()) * _SHARE_OF_HEAD)
            if answer.status < _ERROR:
                return answer
        except NoAnswer as failure:
            if not failure.sent:
                raise
        return self._web.fetch("GET", url, deadline - monotonic())


def _next(location: bytes) -> WebUrl:
    try:
        return WebUrl.parse(location)
    except ForbiddenUrl:
        raise NoAnswer(Outcome.FORBIDDEN_ADDRESS) from None
    except InvalidArgument:
        raise NoAnswer(Outcome.BAD_RESPONSE) from None
