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
DROPPED: Final = Counter(
    "delinkcious_background_events_dropped_total",
    "Events to be published soon that never were, by reason: overflow, invalid, closed.",
    ["type", "reason"],
)
WAITING: Final = Gauge(
    "delinkcious_background_events_waiting",
    "Events to be published soon that the broker has not got yet.",
)
HEARD: Final = Counter(
    "delinkcious_background_events_heard_total",
    "Events that came to a listener, by outcome: handled, failed, malformed.",
    ["subject", "outcome"],
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
    ["consumer", "subject", "reason"],
)
AGE: Final = Histogram(
    "delinkcious_event_age_seconds",
    "Time from an event to the end of its handling.",
    ["consumer"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200, 86_400),
)

# Of the whole consumer or stream, as the broker tells: each of its workers says the same.
PENDING: Final = Gauge(
    "delinkcious_consumer_pending_events",
    "Events in the stream that the consumer has not been given yet.",
    ["consumer"],
)
ACK_PENDING: Final = Gauge(
    "delinkcious_consumer_ack_pending_events",
    "Events that the consumer has been given and has not acknowledged yet.",
    ["consumer"],
)
REDELIVERING: Final = Gauge(
    "delinkcious_consumer_redelivering_events",
    "Of these, the events that it has been given more than once.",
    ["consumer"],
)
DEAD_LETTERS: Final = Gauge(
    "delinkcious_dead_letters",
    "Dead letters of the consumer that are neither replayed nor dropped yet.",
    ["consumer", "subject"],
)

OUTCOMES: Final = ("handled", "failed", "deferred", "dead_lettered", "handed_back")


def announce(consumer: str) -> None:
    """Begins the consumer's counters at zero, so that the first of anything is seen to happen."""
    for outcome in OUTCOMES:
        CONSUMED.labels(consumer, outcome)
    for metric in (HANDLING, AGE, REDELIVERED):
        metric.labels(consumer)
