"""A checker without a network, for tests."""

from collections.abc import Mapping

from link_checker.domain import Finding, Outcome


class InMemoryChecker:
    """Finds what it was told, or that all is well; see `link_checker.ports.LinkChecker`."""

    def __init__(self, findings: Mapping[str, Finding] | None = None) -> None:
        self.checked: list[str] = []
        self._findings = dict(findings or {})

    def check(self, url: str) -> Finding:
        """Returns what it was told of a URL."""
        self.checked.append(url)
        return self._findings.get(url, Finding(Outcome.OK, 200))
