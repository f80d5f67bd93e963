"""What the worker and the function need from outside."""

from typing import Protocol

from link_checker.domain import Finding


class LinkChecker(Protocol):
    """Finds out whether the page behind a URL answers."""

    def check(self, url: str, *, title_wanted: bool = False) -> Finding:
        """Returns what was found; whatever is wrong with the page is an outcome, not an error.

        Args:
            title_wanted: to find out the page's title as well, which costs more.
        """
        ...
