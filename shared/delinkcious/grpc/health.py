"""The standard health service of gRPC, answered from the health of the process.

Every service of a process is as healthy as the process: a load balancer and `/readiness` are told
the same.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from typing import Any, Final

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from delinkcious.health import Health

_LOOK_EVERY: Final = 1.0
_Context = grpc.aio.ServicerContext[Any, Any]
_Answer = health_pb2.HealthCheckResponse


class HealthServicer(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """Implements ``grpc.health.v1.Health``.

    The library's own would have to be told of every change, and its watchers would hold up the end
    of the process.

    Args:
        services: full names; the empty one, which means all of them, is always known.
    """

    def __init__(self, health: Health, services: Collection[str]) -> None:
        self._health = health
        self._services = {"", *services}
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Says from now on that the process is going, to every watcher at once."""
        self._health.drain()
        self._stopping.set()

    async def Check(self, request: Any, context: _Context) -> Any:  # noqa: N802
        """Answers whether a service can be called now."""
        if request.service not in self._services:
            await context.abort(grpc.StatusCode.NOT_FOUND, "There is no such service here.")
        return _Answer(status=await self._status())

    async def List(self, _request: Any, _context: _Context) -> Any:  # noqa: N802
        """Answers the same for every service."""
        status = _Answer(status=await self._status())
        return health_pb2.HealthListResponse(statuses=dict.fromkeys(self._services, status))

    async def Watch(self, request: Any, _context: _Context) -> AsyncIterator[Any]:  # noqa: N802
        """Answers now and at every change, until the process goes."""
        known = request.service in self._services
        told = None
        stopping = False
        while not stopping:
            stopping = self._stopping.is_set()  # before looking, so that the last look sees it
            status = await self._status() if known else _Answer.SERVICE_UNKNOWN
            if status != told:
                told = status
                yield _Answer(status=status)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY):
                    await self._stopping.wait()

    async def _status(self) -> Any:
        readiness = await asyncio.to_thread(self._health.readiness)
        return _Answer.SERVING if readiness.ready else _Answer.NOT_SERVING
