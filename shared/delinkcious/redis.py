"""Redis for asyncio services: one server with its pool of connections, and its errors as ours."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Self

import redis
import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff

from delinkcious.breaker import Breaker
from delinkcious.errors import Unavailable

logger = structlog.get_logger()

_AWAY: Final = (
    redis.ConnectionError,  # refused, reset, wrong password, still loading
    redis.TimeoutError,
    redis.ReadOnlyError,  # a replica, until it is promoted
    redis.OutOfMemoryError,
)
_CONNECT_TIMEOUT: Final = 1.0
_TIMEOUT: Final = 2.0
_RETRIES: Final = 2
_CHECK_TIMEOUT: Final = 1.0
_BREAKER_FAILURES: Final = 5
_BREAKER_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """A Redis server. The password stays out of ``repr``."""

    host: str
    port: int
    password: str = field(default="", repr=False)


class AsyncRedis:
    """One Redis server, whether it is there or not; belongs to one event loop.

    A command that fails is sent again, twice at most: use only commands for which it does not
    matter whether they run once or twice.

    Args:
        name: what the server is called in errors, logs and `/readiness`.
        max_connections: beyond which commands wait for one another.
    """

    def __init__(self, name: str, address: RedisAddress, *, max_connections: int = 32) -> None:
        self.name = name
        self.client = Redis.from_pool(
            BlockingConnectionPool(
                host=address.host,
                port=address.port,
                password=address.password or None,
                max_connections=max_connections,
                timeout=_TIMEOUT,
                socket_connect_timeout=_CONNECT_TIMEOUT,
                socket_timeout=_TIMEOUT,
                retry=Retry(ExponentialWithJitterBackoff(cap=0.2, base=0.02), _RETRIES),
                health_check_interval=30,
                client_name="delinkcious",
                protocol=2,
            )
        )
        self._breaker = Breaker(
            name, failures=_BREAKER_FAILURES, seconds=_BREAKER_SECONDS, on=_AWAY
        )

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.client.aclose()

    @contextmanager
    def guard(self) -> Iterator[Redis]:
        """Gives the client, for one attempt to do something.

        Raises:
            Unavailable: the server cannot be reached, or cannot do it now.
        """
        try:
            with self._breaker.guard():
                yield self.client
        except _AWAY as error:
            logger.warning("redis_unavailable", redis=self.name, reason=str(error))
            raise Unavailable(f"{self.name} does not answer.", retry_after=1) from error

    def check(self) -> None:
        """Raises `Unavailable` unless the server answers; for readiness, from another thread."""
        answer = asyncio.run_coroutine_threadsafe(self._ping(), self._loop)
        try:
            answer.result(_CHECK_TIMEOUT)
        except (TimeoutError, CancelledError):
            answer.cancel()
            raise Unavailable(f"{self.name} does not answer.") from None
        except _AWAY as error:
            raise Unavailable(f"{self.name} does not answer: {error}") from None

    async def _ping(self) -> None:
        await self.client.ping()
