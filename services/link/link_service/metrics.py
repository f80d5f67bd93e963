"""What the link service measures of the health of URLs."""

from typing import Final

from prometheus_client import Counter, Gauge

DUE: Final = Gauge(
    "delinkcious_url_checks_due",
    "Checks that are due and not yet asked for, up to 100,000; urgent: somebody waits for them.",
    ["urgent"],
)
OVERDUE: Final = Gauge(
    "delinkcious_url_checks_overdue_seconds",
    "How long the check has been due that has been so for longest.",
    ["urgent"],
)
RECORDED: Final = Counter(
    "delinkcious_url_checks_total", "Results of checks that were taken in, by outcome.", ["outcome"]
)
CHANGED: Final = Counter(
    "delinkcious_url_status_changes_total", "URLs that became valid or invalid.", ["status"]
)
