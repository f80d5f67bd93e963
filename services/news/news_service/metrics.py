"""What the news service measures besides its calls and the events that it consumes."""

from typing import Final

from prometheus_client import Counter

DELIVERED: Final = Counter(
    "delinkcious_news_delivered_total",
    "Entries written to feeds, those that were there already included.",
)
