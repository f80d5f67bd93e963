"""What publishers and consumers measure."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

CONNECTED: Final = Gauge(
    "delinkcious_broker_connected", "1 while the process is connected to NATS."
)
PUBLISHED: Final = Counter(
    "delinkcious_events_published_total", "Events that the broker acknowledged.", ["type"]
)
NOT_PUBLISHED: Final = Counter(
    "delinkcious_event_publish_failures_total",
    "Attempts to publish an event that the broker did not acknowledge.",
    ["type"],
)
CONSUMED: Final = Counter(
    "delinkcious_events_consumed_total",
    "Deliveries by outcome: handled, failed, deferred, dead_lettered, handed_back.",
    ["consumer", "outcome"],
)
HANDLING: Final = Histogram(
    "delinkcious_event_handling_seconds",
    "Time that a consumer took to handle an event.",
    ["consumer"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
REDELIVERED: Final = Counter(
    "delinkcious_events_redelivered_total",
    "Deliveries of an event that had been delivered before.",
    ["consumer"],
)
DEAD_LETTERED: Final = Counter(
    "delinkcious_events_dead_lettered_total",
    "Events that a consumer gave up on, by reason: malformed, failed, abandoned.",
    ["consumer", "reason"],
)
PENDING: Final = Gauge(
    "delinkcious_consumer_pending_events",
    "Events that waited in the stream for the consumer at its latest delivery.",
    ["consumer"],
)
