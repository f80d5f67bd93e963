"""The news store in memory: the double of `news_service.redis` for tests.

The same contract tests run on both.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from delinkcious.object_model.news import NewsEvent
from news_service.domain import FeedQuery, LinkNews


class InMemoryNewsStore:
    """Keeps feeds in memory; see `news_service.ports.NewsStore`."""

    def __init__(self, feed_size: int, retention: timedelta) -> None:
        self._feed_size = feed_size
        self._retention = retention
        self._feeds: dict[str, set[str]] = defaultdict(set)
        self._events: dict[str, NewsEvent] = {}
        self._of_link: dict[int, set[str]] = defaultdict(set)
        self._retracted: dict[int, str] = {}

    async def read(self, query: FeedQuery, limit: int) -> list[NewsEvent]:
        ids = sorted(self._feeds[query.username], reverse=True)
        older = [event_id for event_id in ids if not query.before or event_id < query.before]
        events = [self._events[event_id] for event_id in older if event_id in self._events]
        oldest = datetime.now(UTC) - self._retention
        return [event for event in events if event.timestamp > oldest][:limit]

    async def publish(self, news: LinkNews) -> bool:
        if news.event.id <= self._retracted.get(news.link_id, ""):
            return False
        self._events[news.event.id] = news.event
        self._of_link[news.link_id].add(news.event.id)
        return True

    async def deliver(self, event_id: str, usernames: Sequence[str]) -> None:
        for username in usernames:
            feed = self._feeds[username] | {event_id}
            self._feeds[username] = set(sorted(feed)[-self._feed_size :])

    async def retract(self, news: LinkNews) -> None:
        last = max(news.event.id, self._retracted.get(news.link_id, ""))
        self._retracted[news.link_id] = last
        for event_id in self._of_link[news.link_id]:
            if event_id <= last:
                self._events.pop(event_id, None)
