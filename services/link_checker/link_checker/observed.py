"""What is said of each check: a log line and two metrics. Of the URL only the host is told, as
its path and query are somebody's reading.
"""

from time import perf_counter
from typing import Final

import structlog
from prometheus_client import Counter, Histogram

from delinkcious.errors import InvalidArgument
from delinkcious.object_model.links import LinkStatus
from link_checker.domain import Finding
from link_checker.ports import LinkChecker
from link_checker.urls import WebUrl

logger = structlog.get_logger()

CHECKS: Final = Counter("delinkcious_link_checks_total", "Checks by outcome.", ["outcome"])
DURATION: Final = Histogram(
    "delinkcious_link_check_seconds",
    "Time that a check took, with all its requests.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
TITLES: Final = Counter(
    "delinkcious_link_titles_total", "Titles wanted of pages that answer.", ["found"]
)


class ObservedChecker:
    """Another checker, watched."""

    def __init__(self, checker: LinkChecker) -> None:
        self._checker = checker

    def check(self, url: str, *, title_wanted: bool = False) -> Finding:
        """Returns what the other one finds."""
        started = perf_counter()
        finding = self._checker.check(url, title_wanted=title_wanted)
        duration = perf_counter() - started
        CHECKS.labels(finding.outcome.value).inc()
        DURATION.observe(duration)
        if title_wanted and finding.link_status is LinkStatus.VALID:
            TITLES.labels("yes" if finding.title else "no").inc()
        logger.info(
            "link_checked",
            outcome=finding.outcome.value,
            http_status=finding.http_status,
            duration_ms=round(duration * 1000, 2),
            host=_host(url),
        )
        return finding


def _host(url: str) -> str:
    try:
        return WebUrl.parse(url).host
    except InvalidArgument:
        return ""
