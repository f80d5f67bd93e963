"""A checker without a network, for tests."""

from collections.abc import Mapping
from dataclasses import replace

from link_checker.domain import Finding, Outcome


class InMemoryChecker:
    """Finds what it was told, or that all is well; see `link_checker.ports.LinkChecker`."""

    def __init__(self, findings: Mapping[str, Finding] | None = None) -> None:
        self.checked: list[str] = []
        self._findings = dict(findings or {})

    def check(self, url: str, *, title_wanted: bool = False) -> Finding:
        """Returns what it was told of a URL, without the title if nobody wants it."""
        self.checked.append(url)
        finding = self._findings.get(url, Finding(Outcome.OK, 200))
        return finding if title_wanted else replace(finding, title=None)
