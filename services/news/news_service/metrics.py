"""What the news service measures besides its calls and the events that it consumes."""

from typing import Final

from prometheus_client import Counter, Gauge

DELIVERED: Final = Counter(
    "delinkcious_news_delivered_total",
    "Entries written to feeds, those that were there already included.",
)
REBUILT: Final = Counter(
    "delinkcious_news_rebuilt_total",
    "Feeds that were rebuilt from the social graph and the link service.",
)
WATCHERS: Final = Gauge("delinkcious_news_watchers", "Those who wait for their news.")
