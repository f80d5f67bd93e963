"""The news store on Redis: commands and scripts, and nothing else.

- ``feed:<username>``: the ids of a user's news, a sorted set. All scores are 0, so it is sorted by
  id, which is by time, and a page starts exactly after the id where the one before it ended.
- ``event:<id>``: what the event tells, once for all feeds, until its retention is over.
- ``link:<id>:events``: which events tell of a link, so that all of them can be taken back at once.
- ``link:<id>:retracted``: the last event that took them back; what is older stays unreadable.

Whether an event may be told, and telling it, is one step for Redis, as is taking events back:
otherwise two workers could between them bring back what was made private. The scripts name keys
that follow from others, which needs all of them on one server (or a primary and its replicas).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Final

import orjson

from delinkcious import tracing
from delinkcious.object_model.news import NewsEvent, NewsEventType
from delinkcious.redis import AsyncRedis
from news_service.domain import FeedQuery, LinkNews
from news_service.metrics import DELIVERED

_BATCH: Final = 1000

_READ: Final = """
local found, bound, wanted = {}, ARGV[1], tonumber(ARGV[2])
while #found < wanted do
    local ids = redis.call('ZREVRANGEBYLEX', KEYS[1], bound, '-', 'LIMIT', 0, wanted - #found)
    if #ids == 0 then break end
    local keys = {}
    for i, id in ipairs(ids) do keys[i] = 'event:' .. id end
    for _, body in ipairs(redis.call('MGET', unpack(keys))) do
        if body then found[#found + 1] = body end
    end
    bound = '(' .. ids[#ids]
end
return found
"""
_PUBLISH: Final = """
local body, events, retracted = KEYS[1], KEYS[2], KEYS[3]
local id, content, expires_at, retention = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if id <= (redis.call('GET', retracted) or '') then return 0 end
redis.call('SET', body, content, 'EXAT', expires_at)
redis.call('ZADD', events, 0, id)
redis.call('EXPIRE', events, retention)
return 1
"""
_RETRACT: Final = """
local events, retracted = KEYS[1], KEYS[2]
local id, retention = ARGV[1], ARGV[2]
local last = redis.call('GET', retracted) or ''
if last < id then last = id end
redis.call('SET', retracted, last, 'EX', retention)
local upto = '[' .. last
for _, old in ipairs(redis.call('ZRANGEBYLEX', events, '-', upto)) do
    redis.call('DEL', 'event:' .. old)
end
redis.call('ZREMRANGEBYLEX', events, '-', upto)
"""


class RedisNewsStore:
    """Keeps feeds in Redis; see `news_service.ports.NewsStore`.

    Args:
        feed_size: how many events a feed has at most; the oldest leave it.
        retention: how long an event can be read.
    """

    def __init__(self, redis: AsyncRedis, *, feed_size: int, retention: timedelta) -> None:
        self._redis = redis
        self._feed_size = feed_size
        self._retention = int(retention.total_seconds())
        self._read = redis.client.register_script(_READ)
        self._publish = redis.client.register_script(_PUBLISH)
        self._retract = redis.client.register_script(_RETRACT)

    async def read(self, query: FeedQuery, limit: int) -> list[NewsEvent]:
        bound = f"({query.before}" if query.before else "+"
        with self._redis.guard():
            bodies = await self._read(keys=[_feed(query.username)], args=[bound, limit])
        return [_decode(body) for body in bodies]

    async def publish(self, news: LinkNews) -> bool:
        event = news.event
        expires_at = int(event.timestamp.timestamp()) + self._retention
        with _traced("publish"), self._redis.guard():
            published = await self._publish(
                keys=[f"event:{event.id}", *_of_link(news.link_id)],
                args=[event.id, _encode(event), expires_at, self._retention],
            )
        return bool(published)

    async def deliver(self, event_id: str, usernames: Sequence[str]) -> None:
        with _traced("deliver"):
            for start in range(0, len(usernames), _BATCH):
                await self._deliver(event_id, usernames[start : start + _BATCH])

    async def _deliver(self, event_id: str, usernames: Sequence[str]) -> None:
        with self._redis.guard() as client:
            pipeline = client.pipeline(transaction=False)
            for username in usernames:
                feed = _feed(username)
                pipeline.zadd(feed, {event_id: 0})
                pipeline.zremrangebyrank(feed, 0, -self._feed_size - 1)
                pipeline.expire(feed, self._retention)
            await pipeline.execute()
        DELIVERED.inc(len(usernames))

    async def retract(self, news: LinkNews) -> None:
        with _traced("retract"), self._redis.guard():
            await self._retract(keys=_of_link(news.link_id), args=[news.event.id, self._retention])


def _traced(what: str) -> AbstractContextManager[tracing.Span]:
    attributes = {"db.system.name": "redis", "db.operation.name": what}
    return tracing.span(f"{what} news", kind=tracing.SpanKind.CLIENT, attributes=attributes)


def _feed(username: str) -> str:
    return f"feed:{username}"


def _of_link(link_id: int) -> list[str]:
    return [f"link:{link_id}:events", f"link:{link_id}:retracted"]


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
