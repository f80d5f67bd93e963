"""What runs in the local stack, and on which ports: the table, as data."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Self

from delinkcious.testing.waiting import free_port

DATABASE, OWNER, REDIS, NATS = "database", "database-owner", "redis", "nats"
_MIGRATED = (DATABASE, OWNER, NATS)


@dataclass(frozen=True)
class Service:
    """One service and the ports of its processes; it has a worker if that has a management port."""

    name: str
    module: str
    port: int
    management_port: int | None = None
    worker_management_port: int | None = None
    migrates: bool = False
    stores: tuple[str, ...] = ()
    """What it enters with a password of its own."""

    def on_free_ports(self) -> Self:
        """The same service on ports nobody uses."""
        return replace(
            self,
            port=free_port(),
            management_port=self.management_port and free_port(),
            worker_management_port=self.worker_management_port and free_port(),
        )

    def ports(self) -> Iterator[tuple[int, str]]:
        """The ports it needs, and for what."""
        yield self.port, f"{self.name} serve"
        if self.management_port:
            yield self.management_port, f"management of {self.name} serve"
        if self.worker_management_port:
            yield self.worker_management_port, f"management of {self.name} work"


@dataclass(frozen=True)
class ServerPorts:
    """The ports of the servers that the services use."""

    postgres: int = 15432
    redis: int = 16379
    nats: int = 14222
    nats_monitoring: int = 18222
    postgres_tls: int = 15433
    redis_tls: int = 16380

    def on_free_ports(self) -> Self:
        """The same servers on ports nobody uses."""
        return replace(self, **{field.name: free_port() for field in fields(self)})

    def ports(self) -> Iterator[tuple[int, str]]:
        """The ports they need, and for what."""
        for field in fields(self):
            yield getattr(self, field.name), field.name.replace("_", " ")


LINK = Service("link-manager", "link_service", 8080, 18080, 18081, migrates=True, stores=_MIGRATED)
SOCIAL_GRAPH = Service(
    *("social-graph-manager", "social_graph_service", 9090, 19090, 19091),
    migrates=True,
    stores=_MIGRATED,
)
USER = Service("user-manager", "user_service", 7070, 17070, 17071, migrates=True, stores=_MIGRATED)
NEWS = Service("news-manager", "news_service", 6060, 16060, 16061, stores=(REDIS, NATS))
LINK_CHECKER = Service("link-checker", "link_checker", 8070, 18070, 18071, stores=(NATS,))
API_GATEWAY = Service("api-gateway", "api_gateway", 5000, 15000, stores=(REDIS, NATS))
IDENTITY_PROVIDER = Service("identity-provider", "tools.identity_provider", 8090)

SERVICES = (LINK, SOCIAL_GRAPH, USER, NEWS, LINK_CHECKER, API_GATEWAY, IDENTITY_PROVIDER)

TALKS_WITH = (
    (API_GATEWAY.name, LINK.name),
    (API_GATEWAY.name, SOCIAL_GRAPH.name),
    (API_GATEWAY.name, USER.name),
    (API_GATEWAY.name, NEWS.name),
    (API_GATEWAY.name, LINK_CHECKER.name),
    (LINK.name, LINK_CHECKER.name),
    (NEWS.name, SOCIAL_GRAPH.name),
    (NEWS.name, LINK.name),
)
"""The pairs of services that may call each other, and so share a secret."""


@dataclass(frozen=True)
class Layout:
    """Everything of one local stack, and where it listens."""

    services: tuple[Service, ...] = SERVICES
    servers: ServerPorts = ServerPorts()
    tls: bool = False
    """Whether everything that the services say to each other and to the servers is encrypted."""

    def on_free_ports(self) -> Self:
        """The same stack beside another one."""
        return replace(
            self,
            services=tuple(service.on_free_ports() for service in self.services),
            servers=self.servers.on_free_ports(),
        )

    def without(self, service: Service) -> Self:
        """The same stack without one service."""
        return replace(self, services=tuple(s for s in self.services if s.name != service.name))

    def port(self, service: Service) -> int:
        """Where a service listens in this layout."""
        return next(s.port for s in self.services if s.name == service.name)

    def url(self, service: Service) -> str:
        """Where a service that speaks HTTP is found in this layout."""
        scheme = "https" if self.tls and service.name != IDENTITY_PROVIDER.name else "http"
        return f"{scheme}://127.0.0.1:{self.port(service)}"

    def ports(self) -> Iterator[tuple[int, str]]:
        """All ports it needs, and for what."""
        for port, purpose in self.servers.ports():
            if self.tls or not purpose.endswith(" tls"):
                yield port, purpose
        for service in self.services:
            yield from service.ports()
