"""What the user service measures besides its calls and events: the deletions of accounts."""

from typing import Final

from prometheus_client import Counter, Gauge

RUNNING: Final = Gauge("delinkcious_deletions_in_progress", "Accounts that are being deleted.")
OLDEST_AGE: Final = Gauge(
    "delinkcious_deletions_oldest_age_seconds",
    "Age of the deletion that has been in progress longest; 0 if none is.",
)
TOLD_AGAIN: Final = Counter(
    "delinkcious_deletions_told_again_total",
    "How often services were told again to delete what they have, as not all had confirmed.",
)
FINISHED: Final = Counter("delinkcious_deletions_finished_total", "Deletions that this finished.")
