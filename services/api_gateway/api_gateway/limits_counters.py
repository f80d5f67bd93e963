"""What all gateway processes count together, in Redis, by the library `limits`.

A window slides: what was taken in the one before counts for the part of it that has not passed yet,
so nobody gets twice a limit around the moment at which a window ends.
"""

import time
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import redis
from limits import RateLimitItem
from limits.storage import RedisStorage, Storage
from limits.strategies import SlidingWindowCounterRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry

from delinkcious.redis import RedisAddress

_PREFIX: Final = "delinkcious-limits"
_TIMEOUT: Final = 0.25
_HASH_BYTES: Final = 16


class CountersAway(Exception):
    """They cannot be reached; the message says why."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What was taken of a limit.

    Attributes:
        taken: how much; nothing, or less than was wanted, if no more is left.
        remaining: what is left.
        resets_in: seconds until there is more.
    """

    taken: int
    remaining: int
    resets_in: float


class Counters:
    """Counts how much of each limit has been taken. Safe to share between threads.

    Args:
        storage: where they are kept.
        key: makes of addresses, names and tokens what nobody can read, nor guess without it.
    """

    def __init__(self, storage: Storage, key: bytes) -> None:
        self._storage = storage
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        self._key = key[: blake2b.MAX_KEY_SIZE]

    def take(self, rate: RateLimitItem, name: str, whose: str, wanted: int) -> Grant:
        """Takes as much as is wanted of somebody's limit, or what is left of it.

        Raises:
            CountersAway: they cannot be reached.
        """
        subject = (name, self._hidden(whose))
        try:
            taken = wanted if self._limiter.hit(rate, *subject, cost=wanted) else 0
            reset, remaining = self._limiter.get_window_stats(rate, *subject)
            if 0 < remaining < wanted and not taken:
                taken = remaining if self._limiter.hit(rate, *subject, cost=remaining) else 0
                remaining = 0
        except redis.RedisError as error:
            raise CountersAway(str(error)) from error
        resets_in = reset - time.time()
        if resets_in <= 0:
            resets_in = rate.get_expiry()  # a window that has just begun says none, instead of all
        return Grant(taken, remaining, resets_in)

    def check(self) -> None:
        """Raises `CountersAway` unless they can be reached."""
        if not self._storage.check():
            raise CountersAway("it does not answer")

    def _hidden(self, whose: str) -> str:
        given = whose.encode("utf-8", "surrogateescape")
        return blake2b(given, key=self._key, digest_size=_HASH_BYTES).hexdigest()


def redis_storage(address: RedisAddress) -> Storage:
    """Returns a storage in Redis, whether it is there or not. Who does not answer is not waited
    for: limits are no reason to be slow.
    """
    pool = redis.ConnectionPool(
        connection_class=redis.Connection if address.tls is None else redis.SSLConnection,
        **address.parameters(),
        socket_connect_timeout=_TIMEOUT,
        socket_timeout=_TIMEOUT,
        retry=Retry(NoBackoff(), 1),  # a connection that Redis has closed meanwhile
        health_check_interval=30,
        client_name="delinkcious-api-gateway",
        protocol=2,
    )
    return RedisStorage("redis://", connection_pool=pool, key_prefix=_PREFIX)
