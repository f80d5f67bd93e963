"""Serves a WSGI application with Granian, in one process with a fixed number of threads.

Granian's own command starts a second process that watches the first. Here a container, or the
local stack, does that, so its thread-based server is used, which needs no more than this process:
half the memory, one pid to signal, and nothing left behind when it is killed.
"""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.common import AbstractServer
from granian.server.mt import MTServer

WsgiApp = Callable[..., Any]

_OWN: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where all addresses are reached
_PAUSE: Final = 0.005
_LOOK: Final = 0.5


class WsgiServer(MTServer):
    """One process, one event loop for the sockets, ``threads`` threads for the application.

    Args:
        threads: how many requests are worked on at a time; the others wait, they are not refused.
        on_start: called once when the port accepts connections.
        on_stop: called once when the process is told to stop, before the port is closed.
        drain_delay: seconds between ``on_stop`` and closing the port.
    """

    def __init__(
        self,
        app: WsgiApp,
        host: str,
        port: int,
        *,
        threads: int,
        on_start: Callable[[], None] = lambda: None,
        on_stop: Callable[[], None] = lambda: None,
        drain_delay: float = 0,
    ) -> None:
        super().__init__(
            "delinkcious",
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            workers=1,
            blocking_threads=threads,
            blocking_threads_idle_timeout=600,
            backpressure=1024,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=10_000),
            log_enabled=False,
            log_access=False,
        )
        self._app = app
        self._on_start = on_start
        self._on_stop = on_stop
        self._drain_delay = drain_delay

    def run(self) -> None:
        """Serves until SIGTERM or SIGINT, then lets the requests in flight finish."""
        AbstractServer.serve(self, target_loader=lambda: self._app, wrap_loader=False)

    def _check_gil(self) -> None:
        """Allows the interpreter lock: one worker thread is right with it too."""

    def _serve_loop(self, spawn_target: Any, target_loader: Any) -> None:
        if self._wait_until_listening():
            self._on_start()
        # Python forgets to look for a signal that comes just before a wait without an end, as
        # Granian's is; a busy machine makes that "just before" long.
        while not self.main_loop_interrupt.wait(_LOOK):
            pass
        super()._serve_loop(spawn_target, target_loader)  # type: ignore[no-untyped-call]
        self._on_stop()
        time.sleep(self._drain_delay)

    def _wait_until_listening(self) -> bool:
        """Returns whether the port has come to accept connections, or else the server is to stop.

        Granian's thread opens it, some time after its own hook says so.
        """
        while not self.main_loop_interrupt.is_set():
            if _accepts_connections(self.bind_addr, self.bind_port):
                return True
            time.sleep(_PAUSE)
        return False


def _accepts_connections(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((_OWN.get(host, host), port), 1):
        return True
    return False
