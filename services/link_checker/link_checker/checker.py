"""The check: does the page behind a URL answer?"""

from collections.abc import Callable
from contextlib import nullcontext
from time import monotonic
from typing import Final, Protocol

from delinkcious.errors import InvalidArgument
from link_checker.domain import Finding, Outcome, outcome_of_status
from link_checker.page import Page
from link_checker.request import Answer, Method, NoAnswer
from link_checker.trail import Trail
from link_checker.urls import WebUrl

_ERROR: Final = 400
_SHARE_OF_HEAD: Final = 0.5
"""Of the time that is left: some servers never answer a HEAD, and the GET needs time as well."""


class Web(Protocol):
    """Whoever makes requests: `link_checker.fetch.Fetcher`, or a double."""

    def fetch(
        self, method: Method, url: WebUrl, seconds: float, page: Page | None = None
    ) -> Answer:
        """Makes one request, without following redirects, and hands over the page.

        Raises:
            NoAnswer: it failed.
        """
        ...


class Checker:
    """Checks URLs over HTTP; see `link_checker.ports.LinkChecker`. Safe to share between threads.

    Args:
        timeout: seconds that a check may take, with all its redirects.
        max_redirects: how many are followed.
        max_page_bytes: how much of a page is read for its title.
        titles: returns whether titles are found out at all.
    """

    def __init__(
        self,
        web: Web,
        *,
        timeout: float,
        max_redirects: int,
        max_page_bytes: int,
        titles: Callable[[], bool] = lambda: True,
    ) -> None:
        self._web = web
        self._titles = titles
        self._timeout = timeout
        self._max_redirects = max_redirects
        self._max_page_bytes = max_page_bytes

    def check(self, url: str, *, title_wanted: bool = False) -> Finding:
        """Returns what became of the request for a URL, after the redirects."""
        wanted = title_wanted and self._titles()
        with Page(self._max_page_bytes) if wanted else nullcontext() as page:
            try:
                return self._follow(WebUrl.parse(url), monotonic() + self._timeout, page)
            except InvalidArgument:
                return Finding(Outcome.INVALID_URL)
            except NoAnswer as failure:
                return Finding(failure.outcome, failure.status)

    def _follow(self, url: WebUrl, deadline: float, page: Page | None) -> Finding:
        trail = Trail(url)
        for _ in range(self._max_redirects + 1):
            answer = self._ask(trail.url, deadline, page)
            if answer.location is None:
                return _finding(answer.status, trail.moved_to, page)
            trail.follow(answer.status, answer.location)
        return Finding(Outcome.TOO_MANY_REDIRECTS, answer.status)

    def _ask(self, url: WebUrl, deadline: float, page: Page | None) -> Answer:
        """Asks with HEAD, which costs the server least, and believes it only if all is well.

        Many servers refuse a HEAD, or answer it as no browser would ever see it; so unless they
        could not be reached at all, what a GET says counts. Where a page is wanted there must be a
        GET, and nothing else is asked.
        """
        if page is None:
            try:
                answer = self._web.fetch("HEAD", url, (deadline - monotonic()) * _SHARE_OF_HEAD)
                if answer.status < _ERROR:
                    return answer
            except NoAnswer as failure:
                if not failure.sent:
                    raise
        return self._web.fetch("GET", url, deadline - monotonic(), page)


def _finding(status: int, moved_to: str | None, page: Page | None) -> Finding:
    outcome, title = outcome_of_status(status), page.title if page else None
    if outcome is Outcome.OK and moved_to is not None:
        return Finding(Outcome.MOVED, status, title, moved_to)
    return Finding(outcome, status, title)
