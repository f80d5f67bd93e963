"""Forgetting deleted users on Redis: one walk through all keys, some at a time.

Feeds do not say where else an author is, and an index that does would cost every delivery, for
something that hardly ever happens.

- ``deleted``: a hash of the users that were deleted, each with the first event id that is not of
  the deleted account any more. The scripts that write look here, so nothing comes back. ``*`` is
  up to when deliveries look.
- ``purge:<deletion>``: how far the walk is; ``done`` at its end. Redis promises that a walk meets
  every key that is there from its beginning to its end, whoever goes on with it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from redis.asyncio import Redis

from delinkcious.deletion import DeletedUser
from delinkcious.redis import AsyncRedis
from news_service.domain import first_id
from news_service.scripts import MARK, STRIP

# Longer than events can come late: they live for 7 days, dead letters for 30.
_REMEMBERED: Final = timedelta(days=37)

# How long a delivery may be under way to somebody whom the social graph has forgotten since.
_DELIVERIES_TAKE: Final = timedelta(hours=1)

_DELETED: Final = "deleted"
_DONE: Final = b"done"
_KEYS_AT_ONCE: Final = 1000
_FEEDS_AT_ONCE: Final = 50


def watched_until() -> str:
    """Returns the id up to which deliveries are to look at their readers."""
    return first_id(datetime.now(UTC) + _DELIVERIES_TAKE)


class RedisPurge:
    """Forgets users; see `news_service.ports.NewsStore.purge_some`."""

    def __init__(self, redis: AsyncRedis) -> None:
        self._redis = redis
        self._mark = redis.client.register_script(MARK)
        self._strip = redis.client.register_script(STRIP)

    async def some(self, user: DeletedUser) -> bool:
        """Goes on with the walk; tells whether this was its end."""
        progress = f"purge:{user.deletion_id}"
        with self._redis.guard() as client:
            reached: Any = await client.get(progress)
            if reached == _DONE:
                return True
            if reached is None:
                await self._begin(client, user)
            found: Any = await client.scan(int(reached or 0), count=_KEYS_AT_ONCE)
            cursor, keys = found
            await self._forget(client, keys, user)
            await client.set(progress, cursor or _DONE, ex=_REMEMBERED)
        return not cursor

    async def _begin(self, client: Redis, user: DeletedUser) -> None:
        """First of all, nothing new comes."""
        await self._mark(args=[user.username, first_id(user.until), watched_until()])
        await _forget_those_of_old(client)
        name = user.username
        own = ("feed:{}", "timeline:{}", "following:{}", "following:{}:version")
        await client.unlink(*(key.format(name) for key in own))
        await client.zrem("popular", name)

    async def _forget(self, client: Redis, keys: Sequence[bytes], user: DeletedUser) -> None:
        kinds: dict[bytes, list[bytes]] = {}
        for key in keys:
            kinds.setdefault(key.partition(b":")[0], []).append(key)
        feeds = kinds.get(b"feed", [])
        for start in range(0, len(feeds), _FEEDS_AT_ONCE):
            some = feeds[start : start + _FEEDS_AT_ONCE]
            await self._strip(keys=some, args=[user.username, first_id(user.until)])
        gone = await _events_of(client, kinds.get(b"event", []), user)
        gone += [key for key in kinds.get(b"follow", []) if _is_of_pair(key, user)]
        if gone:
            await client.unlink(*gone)
        followers = [key for key in kinds.get(b"following", []) if not key.endswith(b":version")]
        pipeline = client.pipeline(transaction=False)
        for key in followers:
            pipeline.srem(key, user.username)
        await pipeline.execute()


async def _forget_those_of_old(client: Redis) -> None:
    oldest = first_id(datetime.now(UTC) - _REMEMBERED).encode()
    deleted: Any = await client.hgetall(_DELETED)
    if old := [name for name, bound in deleted.items() if bound < oldest]:
        await client.hdel(_DELETED, *old)


async def _events_of(client: Redis, keys: Sequence[bytes], user: DeletedUser) -> list[bytes]:
    """Returns the keys of the events that tell of the deleted account."""
    if not keys:
        return []
    bound = f"event:{first_id(user.until)}".encode()
    bodies: Any = await client.mget(keys)
    return [
        key
        for key, body in zip(keys, bodies, strict=True)
        if body and key < bound and orjson.loads(body)["username"] == user.username
    ]


def _is_of_pair(key: bytes, user: DeletedUser) -> bool:
    return user.username.encode() in key.split(b":")[1:]
