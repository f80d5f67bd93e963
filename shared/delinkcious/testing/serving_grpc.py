"""Serve gRPC services from a thread of the test, for tests of the clients that call them.

It is the real server with all its layers, on a free port. What depends on the process (signals,
draining, configuration) is tested on the real process: `delinkcious.testing.process`.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread

from delinkcious.auth import MutualAuth
from delinkcious.config import Address
from delinkcious.grpc.server import GrpcServer, GrpcService
from delinkcious.health import Health
from delinkcious.tls import PLAIN, Tls

HOST = "127.0.0.1"


@contextmanager
def serving_grpc(
    *services: GrpcService,
    auth: MutualAuth,
    port: int = 0,
    health: Health | None = None,
    grace_period: float = 5,
    tls: Tls = PLAIN,
) -> Iterator[Address]:
    """Serves on a port, by default a free one, as long as the context lasts."""
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, Address]] = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        try:
            server = GrpcServer(
                services,
                Address(HOST, port),
                auth=auth,
                health=health or _healthy(),
                grace_period=grace_period,
                tls=tls,
            )
            address = await server.start()
        except Exception as error:  # noqa: BLE001 - the test shall see it
            started.set_exception(error)
            return
        started.set_result((asyncio.get_running_loop(), stop, address))
        await server.run(stop)

    thread = Thread(target=asyncio.run, args=[serve()], name="serving-grpc", daemon=True)
    thread.start()
    loop, stop, address = started.result(10)
    try:
        yield address
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def _healthy() -> Health:
    health = Health()
    health.started()
    return health
