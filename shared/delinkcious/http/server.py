"""Serves a WSGI application with Granian, in one process with a fixed number of threads.

Granian's own command starts a second process that watches the first. Here a container, or the
local stack, does that, so its thread-based server is used, which needs no more than this process:
half the memory, one pid to signal, and nothing left behind when it is killed.

When it is told to stop, it loses no request of those that it let in: answers close their
connections, so that nobody begins another request on one that is about to go; new connections are
not taken any more; and only when those that were taken have had time for their request, it ends.

When its certificate changes, a second Granian worker takes over, with the new one, on the same
port: the first finishes what it has begun, and its answers close their connections, too.
"""

import contextlib
import gc
import os
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import structlog
from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.server.common import AbstractServer
from granian.server.mt import MTServer, WorkerThread

from delinkcious.http import observe
from delinkcious.http.abort import Abortable
from delinkcious.http.connections import most_connections
from delinkcious.http.listener import BACKLOG, listen, take_no_more
from delinkcious.tls import PLAIN, Material, PemFiles, Tls

logger = structlog.get_logger()

WsgiApp = Callable[..., Iterable[bytes]]

_MAX_HEAD_BYTES: Final = 80 * 1024
"""Of addresses Granian takes 64 KiB. It stops reading when it has so much, which may be twice."""
_LOOK: Final = 0.5
_LAST_REQUESTS: Final = 0.25
_TAKING_OVER: Final = 1.0


class WsgiServer(MTServer):
    """One process, one event loop for the sockets, ``threads`` threads for the application.

    Its port is open from the beginning; connections wait for `run`.

    Args:
        threads: how many requests are worked on at a time; the others wait, they are not refused.
        on_start: called once when requests are answered.
        on_stop: called once when the process is told to stop, before the port is closed.
        drain_delay: seconds between ``on_stop`` and closing the port.
        tls: set, it speaks TLS, and if that names a CA, only with those who have its certificate.
        processor: the number, among those that the process may use, of the one to keep to.

    Raises:
        OSError: the port is taken.
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
        tls: Tls = PLAIN,
        processor: int | None = None,
    ) -> None:
        super().__init__(
            "delinkcious",
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            workers=1,
            blocking_threads=threads,
            blocking_threads_idle_timeout=600,
            backpressure=most_connections(),
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(
                header_read_timeout=10_000, max_buffer_size=_MAX_HEAD_BYTES
            ),
            log_enabled=False,
            log_access=False,
        )
        self._listener = listen(host, port)
        self._tls = tls
        self._app = app
        self._on_start = on_start
        self._on_stop = on_stop
        self._drain_delay = drain_delay
        self._processor = processor

    def run(self) -> None:
        """Serves until SIGTERM or SIGINT, then lets the requests in flight finish."""
        _run_in_batches()
        _keep_to(self._processor)
        AbstractServer.serve(self, target_loader=lambda: self._respond, wrap_loader=False)

    def _respond(self, environ: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
        chunks = self._app(environ, start_response)
        return Abortable(chunks, self.bind_port) if observe.is_stream(environ) else chunks

    def _check_gil(self) -> None:
        """Allows the interpreter lock: one worker thread is right with it too."""

    def _init_shared_socket(self) -> None:
        """Does nothing: each worker has a socket of its own."""

    def _spawn_worker(  # type: ignore[override]
        self, idx: int, target: Any, callback_loader: WsgiApp
    ) -> WorkerThread:
        """Makes a worker that shows the certificate of this moment.

        It gets a duplicate of our listener, which it closes in the end. Granian's own listener
        shares the port with whoever else asks for it.
        """
        fd = os.dup(self._listener.fileno())
        arguments = (fd, False, BACKLOG) if sys.platform == "linux" else (fd, False)
        self._shd = SocketHolder(*arguments)  # type: ignore[assignment]
        self._turn = _Turn(callback_loader, self._tls.current)
        self.ssl_ctx = self._turn.tls()
        return super()._spawn_worker(idx, target, self._turn)

    def _serve_loop(self, spawn_target: Any, target_loader: Any) -> None:
        gc.collect()
        gc.freeze()  # what the start has made stays; to look through it again would delay requests
        self._on_start()
        # Python forgets to look for a signal that comes just before a wait without an end, as
        # Granian's is; a busy machine makes that "just before" long.
        while not self.main_loop_interrupt.wait(_LOOK):
            if self._tls.current is not self._turn.material:
                self._take_over(spawn_target, target_loader)
        super()._serve_loop(spawn_target, target_loader)  # type: ignore[no-untyped-call]
        self._on_stop()
        self._turn.ending = True
        time.sleep(self._drain_delay)
        take_no_more(self._listener)
        time.sleep(_LAST_REQUESTS)
        self._listener.close()

    def _take_over(self, spawn_target: Any, target_loader: Any) -> None:
        """Has a worker with the new certificate take the place of the one that there is.

        That one ends when its last request does, which for a stream may be long.
        """
        turn, worker = self._turn, self.wrks[0]
        self.wrks[0] = self._spawn_worker(0, spawn_target, target_loader)
        self.wrks[0].start()  # type: ignore[no-untyped-call]
        turn.ending = True
        self.main_loop_interrupt.wait(_TAKING_OVER)
        worker.terminate()  # type: ignore[no-untyped-call]
        turn.close()
        logger.info("certificate_renewed", port=self.bind_port)


class _Turn:
    """What one worker serves with, and for how long.

    Attributes:
        ending: whether it is about to go, so that its answers close their connections.
    """

    def __init__(self, respond: WsgiApp, material: Material | None) -> None:
        self.ending = False
        self.material = material
        self._respond = respond
        self._files = PemFiles(material) if material is not None else None

    def __call__(self, environ: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if self.ending:
            start_response = _and_close(start_response)
        return self._respond(environ, start_response)

    def tls(self) -> tuple[Any, ...]:
        """Returns what Granian wants to know."""
        files, oldest = self._files, str(SSLProtocols.tls13)
        if files is None:
            return (False, None, None, None, oldest, None, [], False)
        return (True, files.cert, files.key, None, oldest, files.ca, [], files.ca is not None)

    def close(self) -> None:
        """Forgets the certificate."""
        if self._files is not None:
            self._files.close()


def _run_in_batches() -> None:
    """Asks that the threads to come be let finish what they do, rather than each be interrupted by
    the next that wakes up: a tenth more requests where processes share processors.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # somebody forbids it, so be it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _keep_to(processor: int | None) -> None:
    """Has the threads to come share one processor, since the interpreter lets only one of them
    compute at a time: what one has in its caches, the next one finds there (ADR-0049).
    """
    if processor is not None and sys.platform == "linux":
        usable = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {usable[processor % len(usable)]})


def _and_close(start_response: Callable[..., Any]) -> Callable[..., Any]:
    """Has the connection closed after the answer."""

    def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
        return start_response(status, [*headers, ("Connection", "close")], *error)

    return start
