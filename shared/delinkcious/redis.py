"""Redis for asyncio services: one server with its pool of connections, and its errors as ours."""

import asyncio
import ssl
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import redis
import structlog
from redis.asyncio import BlockingConnectionPool, Connection, Redis, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.credentials import CredentialProvider

from delinkcious.breaker import Breaker
from delinkcious.config import Login, TlsFiles
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
    """A Redis server. The password stays out of ``repr``.

    Attributes:
        user: of its access control list; empty for the one that it has by itself.
        password_file: where the password is read for each connection, instead.
        tls: set, the connection is encrypted and the server has to be who it should be.
    """

    host: str
    port: int
    password: str = field(default="", repr=False)
    user: str = ""
    password_file: Path | None = None
    tls: TlsFiles | None = None

    def parameters(self) -> dict[str, Any]:
        """Returns what redis-py takes for each connection, beside its class."""
        login = Login(self.user, self.password, self.password_file)
        parameters: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "credential_provider": _Credentials(login) if login.user or login.password else None,
        }
        if self.tls is not None:
            parameters |= {
                "ssl_ca_certs": str(self.tls.ca),
                "ssl_certfile": self.tls.cert and str(self.tls.cert),
                "ssl_keyfile": self.tls.key and str(self.tls.key),
                "ssl_min_version": ssl.TLSVersion.TLSv1_2,
            }
        return parameters


class _Credentials(CredentialProvider):
    """Who we are, as it is when we connect."""

    def __init__(self, login: Login) -> None:
        self._login = login

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """Returns the user, if there is one, and the password."""
        user, password = self._login.user, self._login.password
        return (user, password) if user else (password,)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        """Returns the same: the file is small, and redis-py's own way warns of itself each time."""
        return self.get_credentials()


class _RenewedConnection(SSLConnection):
    """Reads its certificates each time it connects; redis-py would keep the first ones."""

    def _connection_arguments(self) -> Mapping[str, Any]:
        self.ssl_context.context = None
        return super()._connection_arguments()


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
                connection_class=Connection if address.tls is None else _RenewedConnection,
                **address.parameters(),
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
