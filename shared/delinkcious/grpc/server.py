"""Serves gRPC on one asyncio loop, with the layers of every call in their order.

1. observe: span, log line and metrics, around everything
2. problems: every error into a status
3. callers: mutual authentication
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from delinkcious.auth import MutualAuth
from delinkcious.callers import Callers
from delinkcious.config import Address
from delinkcious.grpc.callers import callers
from delinkcious.grpc.health import HealthServicer
from delinkcious.grpc.layers import Layers
from delinkcious.grpc.observe import observe
from delinkcious.grpc.problems import problems
from delinkcious.health import Health
from delinkcious.tls import PLAIN, Material, Tls

MAX_REQUEST_BYTES: Final = 1024 * 1024

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
    ("grpc.max_send_message_length", -1),  # pages are bounded by their size in rows
    ("grpc.so_reuseport", 0),  # a port that is taken is an error, not half the calls
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
)


@dataclass(frozen=True, slots=True)
class GrpcService:
    """A service to be served.

    Attributes:
        name: its full name, such as ``delinkcious.news.v1.News``.
        register: adds its servicer to a server: the generated ``add_…Servicer_to_server``.
        callers: the services that may call each method, by the method's name.
        stop: called when the server stops, for what would not end by itself.
    """

    name: str
    register: Callable[[grpc.aio.Server], None]
    callers: Callers
    stop: Callable[[], None] = lambda: None


class GrpcServer:
    """Serves from `start` until the event that `run` is given; belongs to one event loop.

    Args:
        address: where to listen; port 0 takes a free one.
        health: what the health service answers from.
        grace_period: seconds that calls in flight get to end.
        drain_delay: seconds between not healthy and not accepting, for load balancers.
        tls: set, it speaks only with those who have a certificate of the CA that this names.
    """

    def __init__(
        self,
        services: Sequence[GrpcService],
        address: Address,
        *,
        auth: MutualAuth,
        health: Health,
        grace_period: float,
        drain_delay: float = 0,
        tls: Tls = PLAIN,
    ) -> None:
        allowed = {
            f"{service.name}/{method}": names
            for service in services
            for method, names in service.callers.items()
        }
        self._server = grpc.aio.server(
            interceptors=[Layers(observe, problems, callers(auth, allowed))], options=_OPTIONS
        )
        self._health = HealthServicer(health, [service.name for service in services])
        self._services = services
        self._address = address
        self._tls = tls
        self._grace_period = grace_period
        self._drain_delay = drain_delay
        self._register(services)

    def _register(self, services: Sequence[GrpcService]) -> None:
        for service in services:
            service.register(self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        health_name = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
        names = [service.name for service in services]
        reflection.enable_server_reflection(
            [*names, health_name, reflection.SERVICE_NAME], self._server
        )

    async def start(self) -> Address:
        """Begins to serve, and returns where.

        Raises:
            OSError: the port is taken.
        """
        host, port = self._address.host, self._address.port
        try:
            target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            bound = self._listen(target)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {self._address}: {error}") from None
        await self._server.start()
        return Address(host, bound)

    def _listen(self, target: str) -> int:
        material = self._tls.current
        if material is None:
            return self._server.add_insecure_port(target)
        return self._server.add_secure_port(target, _credentials(self._tls, material))

    async def run(self, stop: asyncio.Event) -> None:
        """Serves until stopped, then lets the calls in flight end."""
        await stop.wait()
        self._health.stop()
        await asyncio.sleep(self._drain_delay)
        for service in self._services:
            service.stop()
        await self._server.stop(self._grace_period)


def _credentials(tls: Tls, first: Material) -> grpc.ServerCredentials:
    """Returns what each new connection is shown, and asked for: the certificates of its moment."""
    shown = first

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal shown
        material = tls.current
        if material is None or material is shown:
            return None
        shown = material
        return _configuration(material)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(first),
        renewed,  # type: ignore[arg-type]  # None means as before; the stubs do not know
        require_client_authentication=True,
    )


def _configuration(material: Material) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(material.key, material.cert)], root_certificates=material.ca
    )
