"""The news store on Redis: commands, and nothing else. Its scripts are in `news_service.scripts`.

- ``feed:<username>``: a user's news, a sorted set of ``<event id> <author>``. All scores are 0, so
  it is sorted by id, which is by time, and a page starts exactly after the id where the one before
  it ended.
- ``timeline:<author>``: the same for what a popular author did, which is in no feed.
- ``popular``: the popular authors, by when that ends.
- ``following:<username>``: whom a user follows, a set; with ``*`` in it, it is all of them.
- ``following:<username>:version``: how often an event changed it.
- ``follow:<follower>:<author>``: the last event of the two.
- ``began``: the id from which on nothing has been lost, set when it is missing.
- ``event:<id>``: what the event tells, once for all feeds, until its retention is over.
- ``link:<id>:events``: which events tell of a link, so that all of them can be taken back at once.
- ``link:<id>``: ``retracted``, the last event that took them back; what is older stays unreadable.
  And ``added``, the event that told first that the link was added.

Whether an event may be told, and telling it, is one step for Redis, as is taking events back:
otherwise two workers could between them bring back what was made private.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from time import time
from typing import Any, Final

import orjson
import redis

from delinkcious import tracing
from delinkcious.deletion import DeletedUser
from delinkcious.errors import Unavailable
from delinkcious.object_model.news import NewsEvent, NewsEventType
from delinkcious.redis import AsyncRedis
from news_service import scripts
from news_service.domain import Entry, Feed, FeedQuery, FollowNews, LinkNews, first_id
from news_service.metrics import DELIVERED
from news_service.redis_purge import RedisPurge, watched_until

_BATCH: Final = 500
_RECOVERED_AT_ONCE: Final = 100
_CHANNEL: Final = "news"
_POPULAR: Final = "popular"
_BEGAN: Final = "began"

_CLOCKS_DIFFER: Final = timedelta(seconds=5)
"""By so much at most; ids are made by the clocks of others."""

_Arguments = list[bytes | bytearray | memoryview | str | int | float]


class RedisNewsStore:
    """Keeps feeds in Redis; see `news_service.ports.NewsStore`.

    Args:
        feed_size: how many events a feed or a timeline has at most; the oldest leave it.
        retention: how long an event can be read.
    """

    def __init__(self, redis: AsyncRedis, *, feed_size: int, retention: timedelta) -> None:
        self._redis = redis
        self._feed_size = feed_size
        self._retention = int(retention.total_seconds())
        script = redis.client.register_script
        self._read = script(scripts.READ)
        self._tell = script(scripts.TELL)
        self._recover = script(scripts.RECOVER)
        self._deliver = script(scripts.DELIVER)
        self._retract = script(scripts.RETRACT)
        self._follow = script(scripts.FOLLOW)
        self._know = script(scripts.KNOW)
        self._purge = RedisPurge(redis)

    async def read(self, query: FeedQuery, limit: int) -> Feed:
        bound = f"({query.before}" if query.before else "+"
        keys = [_feed(query.username), _following(query.username), _POPULAR]
        with self._redis.guard():
            known, bodies = await self._read(keys=keys, args=[bound, limit, query.author or ""])
        return Feed([_decode(body) for body in bodies], is_known=bool(known))

    async def began(self) -> str:
        with self._redis.guard() as client:
            began: Any = await client.get(_BEGAN)
            if began is None:
                await client.set(_BEGAN, first_id(datetime.now(UTC) + _CLOCKS_DIFFER), nx=True)
                began = await client.get(_BEGAN)
        return str(began.decode())

    async def tell(self, news: LinkNews, *, popular: bool) -> Entry | None:
        event = news.event
        arguments: _Arguments = [
            *(event.id, _encode(event), self._expires_at(event), self._retention),
            *(event.event_type, event.username),
            *(int(time()) if popular else "", self._feed_size),
        ]
        with _traced("tell"), self._redis.guard():
            told = await self._tell(
                keys=[*_of_link(news.link_id), f"timeline:{event.username}", _POPULAR],
                args=arguments,
            )
        return Entry(told.decode(), event.username) if told else None

    async def recover(self, news: Sequence[LinkNews]) -> list[Entry]:
        now = time()
        readable = [each for each in news if self._expires_at(each.event) > now]
        entries: list[Entry] = []
        with _traced("recover"):
            for start in range(0, len(readable), _RECOVERED_AT_ONCE):
                entries += await self._recover_some(readable[start : start + _RECOVERED_AT_ONCE])
        return entries

    async def _recover_some(self, news: Sequence[LinkNews]) -> list[Entry]:
        arguments: _Arguments = [self._retention]
        for each in news:
            event = each.event
            arguments += [each.link_id, event.id, _encode(event), self._expires_at(event)]
        with self._redis.guard():
            told = await self._recover(keys=[], args=arguments)
        return [
            Entry(event_id.decode(), each.event.username)
            for event_id, each in zip(told, news, strict=True)
            if event_id
        ]

    async def deliver(self, entries: Sequence[Entry], usernames: Sequence[str]) -> None:
        members = [f"{entry.event_id} {entry.author}" for entry in entries]
        arguments: _Arguments = [self._feed_size, self._retention, _now_id(), *members]
        if not entries:
            return
        with _traced("deliver"):
            for start in range(0, len(usernames), _BATCH):
                feeds = [_feed(username) for username in usernames[start : start + _BATCH]]
                with self._redis.guard():
                    await self._deliver(keys=feeds, args=arguments)
                DELIVERED.inc(len(feeds) * len(members))

    async def retract(self, news: LinkNews) -> None:
        with _traced("retract"), self._redis.guard():
            await self._retract(keys=_of_link(news.link_id), args=[news.event.id, self._retention])

    async def follow(self, news: FollowNews) -> bool:
        keys = [
            f"follow:{news.follower}:{news.author}",
            *(_following(news.follower), _version(news.follower), _feed(news.follower)),
        ]
        arguments: _Arguments = [
            *(news.event_id, news.author, int(news.follows), self._retention),
            *(int(news.account_deleted), watched_until()),
        ]
        with _traced("follow"), self._redis.guard():
            return bool(await self._follow(keys=keys, args=arguments))

    async def version_of(self, username: str) -> str:
        began = await self.began()  # another one if everything is lost meanwhile
        with self._redis.guard() as client:
            version: Any = await client.get(_version(username))
        return f"{began} {version.decode() if version else ''}"

    async def know(self, username: str, following: Sequence[str], version: str) -> bool:
        keys = [_following(username), _version(username), _feed(username)]
        with _traced("know"), self._redis.guard():
            return bool(
                await self._know(keys=keys, args=[version, self._retention, _now_id(), *following])
            )

    async def purge_some(self, user: DeletedUser) -> bool:
        with _traced("purge"):
            return await self._purge.some(user)

    async def announce(self) -> None:
        with self._redis.guard() as client:
            await client.publish(_CHANNEL, "")

    async def rings(self) -> AsyncGenerator[None, None]:
        try:
            async with self._redis.client.pubsub() as announcements:
                await announcements.subscribe(_CHANNEL)
                async for _ in announcements.listen():  # the first one says that it listens
                    yield
        except redis.RedisError as error:
            raise Unavailable(f"{self._redis.name} does not answer.") from error

    def _expires_at(self, event: NewsEvent) -> int:
        return int(event.timestamp.timestamp()) + self._retention


def _traced(what: str) -> AbstractContextManager[tracing.Span]:
    attributes = {"db.system.name": "redis", "db.operation.name": what}
    return tracing.span(f"{what} news", kind=tracing.SpanKind.CLIENT, attributes=attributes)


def _now_id() -> str:
    return first_id(datetime.now(UTC))


def _feed(username: str) -> str:
    return f"feed:{username}"


def _following(username: str) -> str:
    return f"following:{username}"


def _version(username: str) -> str:
    return f"following:{username}:version"


def _of_link(link_id: int) -> list[str]:
    return [f"link:{link_id}", f"link:{link_id}:events"]


def _encode(event: NewsEvent) -> bytes:
    return orjson.dumps(event)


def _decode(body: bytes) -> NewsEvent:
    fields = orjson.loads(body)
    return NewsEvent(
        id=fields["id"],
        event_type=NewsEventType(fields["event_type"]),
        username=fields["username"],
        url=fields["url"],
        title=fields["title"],
        timestamp=datetime.fromisoformat(fields["timestamp"]),
    )
