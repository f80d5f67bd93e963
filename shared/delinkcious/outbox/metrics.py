"""What an outbox measures: how much waits, for how long, and how the relay fares."""

from typing import Final

from prometheus_client import Counter, Gauge

PENDING: Final = Gauge(
    "delinkcious_outbox_pending", "Events that wait for the relay, counted up to 10,000."
)
OLDEST_AGE: Final = Gauge(
    "delinkcious_outbox_oldest_age_seconds", "Age of the event that has waited longest; 0 if none."
)
PUBLISHED: Final = Counter(
    "delinkcious_outbox_published_total", "Events that this relay published and marked."
)
FAILURES: Final = Counter(
    "delinkcious_outbox_publish_failures_total", "Rounds of this relay that failed."
)
DELETED: Final = Counter(
    "delinkcious_outbox_deleted_total", "Published events removed at the end of their retention."
)
