"""The news store in memory: the double of `news_service.redis` for tests.

The same contract tests run on both.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from delinkcious.deletion import DeletedUser
from delinkcious.object_model.news import NewsEvent, NewsEventType
from news_service.domain import Entry, Feed, FeedQuery, FollowNews, LinkNews, first_id


@dataclass
class _Link:
    """Of one link: what tells of it, since when that may be told, and what told of it first."""

    events: set[str] = field(default_factory=set)
    retracted: str = ""
    added: str | None = None


class InMemoryNewsStore:
    """Keeps feeds in memory; see `news_service.ports.NewsStore`."""

    def __init__(self, feed_size: int, retention: timedelta, began: str = "") -> None:
        self._began = began
        self._feed_size = feed_size
        self._retention = retention
        self._feeds: dict[str, set[Entry]] = defaultdict(set)
        self._timelines: dict[str, set[Entry]] = defaultdict(set)
        self._popular: set[str] = set()
        self._following: dict[str, set[str]] = defaultdict(set)
        self._known: set[str] = set()
        self._versions: Counter[str] = Counter()
        self._pairs: dict[tuple[str, str], str] = {}
        self._events: dict[str, NewsEvent] = {}
        self._links: dict[int, _Link] = defaultdict(_Link)
        self._deleted: dict[str, str] = {}
        self._purges: set[str] = set()
        self._waiting: set[asyncio.Event] = set()

    async def read(self, query: FeedQuery, limit: int) -> Feed:
        following, known = self._following[query.username], query.username in self._known
        entries = set(self._feeds[query.username])
        for author in following & self._popular:
            entries |= self._timelines[author]
        events = [
            self._events[entry.event_id]
            for entry in sorted(entries, reverse=True)
            if (not query.before or entry.event_id < query.before)
            and (not known or entry.author in following)
            and query.author in {None, entry.author}
            and entry.event_id in self._events
        ]
        return Feed([event for event in events if self._is_fresh(event)][:limit], is_known=known)

    async def began(self) -> str:
        return self._began

    async def tell(self, news: LinkNews, *, popular: bool) -> Entry | None:
        link, event = self._links[news.link_id], news.event
        if self._is_deleted(event.username, event.id):
            return None
        told = event.id
        if event.event_type is NewsEventType.LINK_ADDED:
            told = link.added or told
        if told < link.retracted:
            return None
        if event.event_type is NewsEventType.LINK_ADDED:
            link.added = told
        if event.event_type is NewsEventType.LINK_DELETED:
            await self.retract(news)
        if told == event.id:
            self._events[told] = event
        link.events.add(told)
        entry = Entry(told, event.username)
        if popular:
            self._popular.add(event.username)
            self._timelines[event.username] = self._cut(self._timelines[event.username] | {entry})
        return entry

    async def recover(self, news: Sequence[LinkNews]) -> list[Entry]:
        return [
            Entry(told, each.event.username)
            for each in news
            if self._is_fresh(each.event) and (told := self._recover(each))
        ]

    def _recover(self, news: LinkNews) -> str | None:
        link = self._links[news.link_id]
        if self._is_deleted(news.event.username, news.event.id):
            return None
        told = link.added or news.event.id
        if told < link.retracted:
            return max(link.events, default=None)
        if link.added is None:
            link.added = told
            link.events.add(told)
            self._events[told] = news.event
        return told

    async def deliver(self, entries: Sequence[Entry], usernames: Sequence[str]) -> None:
        kept = {entry for entry in entries if not self._is_deleted(entry.author, entry.event_id)}
        for username in usernames:
            wanted = kept
            if username in self._deleted:
                following = self._following[username]
                wanted = {entry for entry in kept if entry.author in following}
            self._feeds[username] = self._cut(self._feeds[username] | wanted)

    async def retract(self, news: LinkNews) -> None:
        link = self._links[news.link_id]
        link.retracted = max(news.event.id, link.retracted)
        for event_id in [told for told in link.events if told < link.retracted]:
            link.events.discard(event_id)
            self._events.pop(event_id, None)

    async def follow(self, news: FollowNews) -> bool:
        pair = news.follower, news.author
        if news.event_id < self._pairs.get(pair, ""):
            return False
        ended = news.account_deleted
        deleted = ended or self._is_deleted(news.author, news.event_id)
        if deleted and news.follows:
            return False
        if self._is_deleted(news.follower, "" if ended else news.event_id):
            if ended:
                self._forget_reader(news.follower)
            return False
        if not deleted:
            self._pairs[pair] = news.event_id
        self._versions[news.follower] += 1
        if news.follows:
            self._following[news.follower].add(news.author)
        else:
            self._following[news.follower].discard(news.author)
            self._keep(
                news.follower,
                lambda entry: entry.author != news.author or entry.event_id >= news.event_id,
            )
        return True

    async def version_of(self, username: str) -> str:
        return str(self._versions[username])

    async def know(self, username: str, following: Sequence[str], version: str) -> bool:
        if version != str(self._versions[username]):
            return False
        if self._is_deleted(username, _now_id()):
            return True
        following = [each for each in following if not self._is_deleted(each, _now_id())]
        self._following[username] = set(following)
        self._known.add(username)
        return True

    async def purge_some(self, user: DeletedUser) -> bool:
        if user.deletion_id in self._purges:
            return True
        name, bound = user.username, first_id(user.until)
        self._deleted[name] = bound
        self._forget_reader(name)
        self._timelines.pop(name, None)
        self._popular.discard(name)
        self._pairs = {pair: last for pair, last in self._pairs.items() if name not in pair}
        for following in self._following.values():
            following.discard(name)
        for reader in self._feeds:
            self._keep(reader, lambda each: each.author != name or each.event_id >= bound)
        self._events = {
            number: event
            for number, event in self._events.items()
            if event.username != name or number >= bound
        }
        self._purges.add(user.deletion_id)
        return True

    def _forget_reader(self, username: str) -> None:
        for known in (self._feeds, self._following, self._versions):
            known.pop(username, None)
        self._known.discard(username)

    def _is_deleted(self, username: str, event_id: str) -> bool:
        return event_id < self._deleted.get(username, "")

    async def announce(self) -> None:
        for waiting in self._waiting:
            waiting.set()

    async def rings(self) -> AsyncGenerator[None, None]:
        waiting = asyncio.Event()
        waiting.set()
        self._waiting.add(waiting)
        while True:
            await waiting.wait()
            waiting.clear()
            yield

    def _is_fresh(self, event: NewsEvent) -> bool:
        return event.timestamp > datetime.now(UTC) - self._retention

    def _cut(self, entries: Iterable[Entry]) -> set[Entry]:
        return set(sorted(entries)[-self._feed_size :])

    def _keep(self, username: str, wanted: Callable[[Entry], bool]) -> None:
        self._feeds[username] = {entry for entry in self._feeds[username] if wanted(entry)}


def _now_id() -> str:
    return first_id(datetime.now(UTC))
