"""Metrics of every service, in Prometheus naming with base units.

What measures one concern stands beside it (the outbox, messaging, …); here is what a process says
of itself and the two histograms of its HTTP calls, in and out.
"""

from typing import Final

from prometheus_client import Gauge, Histogram

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Of the time that a call takes, whatever its transport; in seconds."""


class Children(dict[tuple[str | int, ...], Histogram]):
    """A histogram's children by label values; to find one anew costs as much as to observe."""

    def __init__(self, histogram: Histogram) -> None:
        super().__init__()
        self._histogram = histogram

    def __missing__(self, labels: tuple[str | int, ...]) -> Histogram:
        child = self[labels] = self._histogram.labels(*labels)
        return child


BUILD_INFO: Final = Gauge(
    "delinkcious_build_info",
    "Always 1; what runs here.",
    ["service", "role", "version", "revision"],
)
SERVER_DURATION: Final = Histogram(
    "http_server_request_duration_seconds",
    "Time to answer a request.",
    ["method", "route", "status"],
    buckets=BUCKETS,
)
CLIENT_DURATION: Final = Histogram(
    "http_client_request_duration_seconds",
    "Time that another service took to answer, retries apart.",
    ["peer", "method", "status"],
    buckets=BUCKETS,
)
BREAKER_OPEN: Final = Gauge(
    "delinkcious_circuit_breaker_open", "1 while calls to the peer are refused at once.", ["peer"]
)
