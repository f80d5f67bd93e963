"""One local stack, ready to be run: its servers, and its programs with all they are given."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from delinkcious.testing.embedded import (
    EmbeddedNats,
    EmbeddedPostgres,
    EmbeddedRedis,
    RedisUser,
    Server,
)
from tools.broker_rights import FILE as BROKER_RIGHTS
from tools.local_stack.certificates import STORES, Certificates, TlsRelay
from tools.local_stack.credentials import Credentials
from tools.local_stack.environment import GRACE_PERIOD, Environments
from tools.local_stack.layout import (
    API_GATEWAY,
    NATS,
    NEWS,
    REDIS,
    SERVICES,
    Layout,
    Service,
)

_NEWS_KEYS = (
    *("feed:*", "timeline:*", "follow:*", "following:*", "link:*", "event:*", "purge:*"),
    *("popular", "began", "deleted"),
)
_COMMANDS = (
    "+@all -@admin -@dangerous -randomkey -dbsize -script +script|load +script|exists"
    " +client|setname +client|setinfo"
)
REDIS_RULES = (
    (NEWS, f"{' '.join(f'~{key}' for key in _NEWS_KEYS)} resetchannels &news {_COMMANDS}"),
    (API_GATEWAY, f"~delinkcious-limits:* resetchannels {_COMMANDS} -scan"),
)
"""What each service may do in Redis, on keys of its own; nor may it ask which others there are."""


@dataclass(frozen=True)
class Program:
    """One process of one service."""

    name: str
    role: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    management_port: int | None = None

    @property
    def key(self) -> str:
        """What it is called where one word must do: logs, supervisor."""
        return f"{self.name}-{self.role}"

    def __str__(self) -> str:
        return f"{self.name} {self.role}"

    @property
    def readiness_url(self) -> str:
        """What answers 200 once it can serve."""
        if self.management_port:
            return f"http://127.0.0.1:{self.management_port}/readiness"
        return f"http://127.0.0.1:{self.port}/healthz"


@dataclass(frozen=True)
class Stack:
    """What is run: servers first, then migrations to their end, then all services at once."""

    directory: Path
    gateway: str
    servers: tuple[Server, ...]
    migrations: tuple[Program, ...]
    services: tuple[Program, ...]
    patience: int = GRACE_PERIOD + 5
    """Seconds after which a service that was asked to stop is killed."""

    @property
    def logs(self) -> Path:
        """Where every process's output is kept."""
        return self.directory / "logs"


def compose(layout: Layout, credentials: Credentials, environments: Environments) -> Stack:
    """The stack that a layout describes."""
    directory = environments.directory
    migrating = [service for service in layout.services if service.migrates]
    return Stack(
        directory=directory,
        gateway=layout.url(API_GATEWAY),
        servers=_servers(directory, layout, credentials, environments.certificates),
        migrations=tuple(_migration(service, environments) for service in migrating),
        services=tuple(_programs(layout, environments)),
    )


def _servers(
    directory: Path, layout: Layout, credentials: Credentials, certificates: Certificates | None
) -> tuple[Server, ...]:
    ports = layout.servers

    def password(service: Service, store: str) -> str:
        return credentials.password(service, store).read_text()

    tls = certificates.files(STORES) if certificates else None
    relays = (
        (
            TlsRelay("postgres", ports.postgres_tls, ports.postgres, tls),
            TlsRelay("redis", ports.redis_tls, ports.redis, tls),
        )
        if tls
        else ()
    )
    users = {user.name: password(user, NATS) for user in SERVICES if NATS in user.stores}
    return (
        EmbeddedPostgres(
            directory / "postgres", ports.postgres, credentials.postgres_password.read_text()
        ),
        EmbeddedRedis(
            directory / "redis",
            ports.redis,
            credentials.redis_password.read_text(),
            users={
                service.name: RedisUser(password(service, REDIS), rules)
                for service, rules in REDIS_RULES
            },
        ),
        EmbeddedNats(
            *(directory / "nats", ports.nats, ports.nats_monitoring, users, tls),
            permissions=BROKER_RIGHTS.read_text(encoding="utf-8"),
        ),
        *relays,
    )


def _migration(service: Service, environments: Environments) -> Program:
    environment = environments.of_migration(service)
    (owner,) = (name for name in environment if name.endswith("_OWNER_USER"))
    command = [sys.executable, "-m", "tools.local_stack.database", service.module]
    return Program(
        name=service.name,
        role="migrate",
        command=[*command, owner.removesuffix("_OWNER_USER")],
        environment=environment,
    )


def _programs(layout: Layout, environments: Environments) -> Iterator[Program]:
    for service in layout.services:
        yield _program(service, "serve", environments, service.port, service.management_port)
        if service.worker_management_port:
            yield _program(service, "work", environments, None, service.worker_management_port)


def _program(
    service: Service,
    role: str,
    environments: Environments,
    port: int | None = None,
    management_port: int | None = None,
) -> Program:
    return Program(
        name=service.name,
        role=role,
        command=[sys.executable, "-m", service.module, role],
        environment=environments.of(service, management_port),
        port=port,
        management_port=management_port,
    )
