"""Where the servers of a test session come from: TEST_INFRA says embedded, containers or external.

- `embedded` (the default): real servers from Python wheels, run by the session itself;
- `containers`: the images of docker/images.env, by testcontainers; needs Docker;
- `external`: servers that run already, at TEST_POSTGRES_URL, TEST_REDIS_URL and TEST_NATS_URL.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from delinkcious.testing.addresses import NatsAddress, PostgresAddress, RedisAddress
from delinkcious.testing.embedded import EmbeddedNats, EmbeddedPostgres, EmbeddedRedis
from delinkcious.testing.images import pinned
from delinkcious.testing.running import running
from delinkcious.testing.scratch import scratch_folder
from delinkcious.testing.waiting import free_port, wait_until

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

PASSWORD = "for-tests-only"


class Infrastructure(Protocol):
    """A source of servers; each runs until its context ends."""

    def postgres(self) -> AbstractContextManager[PostgresAddress]:
        """A PostgreSQL server where databases may be created."""

    def redis(self) -> AbstractContextManager[RedisAddress]:
        """A Redis server whose data may be deleted."""

    def nats(self) -> AbstractContextManager[NatsAddress]:
        """A NATS server whose streams may be deleted."""


def infrastructure(environment: Mapping[str, str] = os.environ) -> Infrastructure:
    """The source that TEST_INFRA names."""
    match environment.get("TEST_INFRA") or "embedded":
        case "embedded":
            return Embedded()
        case "containers":
            return Containers()
        case "external":
            return External(environment)
        case other:
            raise ValueError(f"TEST_INFRA is {other!r}, not one of embedded, containers, external")


class Embedded:
    """Servers from Python wheels, in temporary folders."""

    @contextmanager
    def postgres(self) -> Iterator[PostgresAddress]:
        """A PostgreSQL server where databases may be created."""
        with scratch_folder() as folder:
            server = EmbeddedPostgres(folder / "postgres", free_port(), PASSWORD, durable=False)
            with running(server, folder / "postgres.log"):
                yield server.address

    @contextmanager
    def redis(self) -> Iterator[RedisAddress]:
        """A Redis server whose data may be deleted."""
        with scratch_folder() as folder:
            server = EmbeddedRedis(folder / "redis", free_port(), PASSWORD, durable=False)
            with running(server, folder / "redis.log"):
                yield server.address

    @contextmanager
    def nats(self) -> Iterator[NatsAddress]:
        """A NATS server whose streams may be deleted."""
        with scratch_folder() as folder:
            server = EmbeddedNats(folder / "nats", free_port(), free_port())
            with running(server, folder / "nats.log"):
                yield server.address


class Containers:
    """The images that production runs, by testcontainers."""

    @contextmanager
    def postgres(self) -> Iterator[PostgresAddress]:
        """A PostgreSQL server where databases may be created."""
        container = _container("postgres", 5432, "postgres -c max_connections=200 -c fsync=off")
        with container.with_env("POSTGRES_PASSWORD", PASSWORD):
            host, port = _published(container, 5432)
            address = PostgresAddress(host, port, "postgres", PASSWORD)
            wait_until(address.answers, 60, message="the container of postgres answers")
            yield address

    @contextmanager
    def redis(self) -> Iterator[RedisAddress]:
        """A Redis server whose data may be deleted."""
        command = f"redis-server --appendonly yes --requirepass {PASSWORD}"
        with _container("redis", 6379, command) as container:
            address = RedisAddress(*_published(container, 6379), PASSWORD)
            wait_until(address.answers, 60, message="the container of redis answers")
            yield address

    @contextmanager
    def nats(self) -> Iterator[NatsAddress]:
        """A NATS server whose streams may be deleted."""
        with _container("nats", 4222, "-js") as container:
            address = NatsAddress(*_published(container, 4222))
            wait_until(address.answers, 60, message="the container of nats answers")
            yield address


def _container(server: str, port: int, command: str) -> "DockerContainer":
    from testcontainers.core.container import DockerContainer

    image = pinned(f"{server.upper()}_IMAGE")
    return DockerContainer(image).with_exposed_ports(port).with_command(command)


def _published(container: "DockerContainer", port: int) -> tuple[str, int]:
    return container.get_container_host_ip(), int(container.get_exposed_port(port))


class External:
    """Servers that run already; the session leaves them running, and empty."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    @contextmanager
    def postgres(self) -> Iterator[PostgresAddress]:
        """A PostgreSQL server where databases may be created."""
        url = self._url("TEST_POSTGRES_URL")
        user, password = unquote(url.username or "postgres"), unquote(url.password or "")
        name = url.path.strip("/") or "postgres"
        yield PostgresAddress(url.hostname or "", url.port or 5432, user, password, name)

    @contextmanager
    def redis(self) -> Iterator[RedisAddress]:
        """A Redis server whose data may be deleted."""
        url = self._url("TEST_REDIS_URL")
        yield RedisAddress(url.hostname or "", url.port or 6379, unquote(url.password or ""))

    @contextmanager
    def nats(self) -> Iterator[NatsAddress]:
        """A NATS server whose streams may be deleted."""
        url = self._url("TEST_NATS_URL")
        yield NatsAddress(url.hostname or "", url.port or 4222)

    def _url(self, name: str) -> SplitResult:
        url = urlsplit(self._environment.get(name, ""))
        if not url.hostname:
            raise ValueError(
                f"TEST_INFRA=external needs {name}, like scheme://user:password@host:port"
            )
        return url
