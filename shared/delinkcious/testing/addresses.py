"""Where a server listens and how to enter it, wherever the server comes from."""

import socket
from dataclasses import dataclass, field
from urllib.parse import quote

from delinkcious import config


@dataclass(frozen=True)
class PostgresAddress(config.PostgresAddress):
    """One database of a PostgreSQL server."""

    @property
    def conninfo(self) -> str:
        """The address as libpq and psycopg take it."""
        credentials = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return f"postgresql://{credentials}@{self.host}:{self.port}/{quote(self.name, safe='')}"

    def answers(self) -> bool:
        """Whether the server lets us in and runs a statement."""
        import psycopg

        try:
            with psycopg.connect(self.conninfo, connect_timeout=2) as connection:
                connection.execute("select 1")
        except psycopg.OperationalError:
            return False
        return True


@dataclass(frozen=True)
class RedisAddress:
    """A Redis server."""

    host: str
    port: int
    password: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        """The address as redis-py takes it."""
        credentials = f":{quote(self.password, safe='')}@" if self.password else ""
        return f"redis://{credentials}{self.host}:{self.port}"

    def answers(self) -> bool:
        """Whether the server has loaded its data and answers."""
        import redis

        try:
            with redis.Redis.from_url(self.url, socket_timeout=2, retry=None) as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False


@dataclass(frozen=True)
class NatsAddress:
    """A NATS server with JetStream."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The address as nats-py takes it."""
        return f"nats://{self.host}:{self.port}"

    def answers(self) -> bool:
        """Whether the server greets us, with JetStream; it listens only when that is recovered."""
        try:
            with socket.create_connection((self.host, self.port), timeout=2) as connection:
                greeting = connection.makefile("rb").readline()
        except OSError:
            return False
        return greeting.startswith(b"INFO ") and b'"jetstream":true' in greeting
