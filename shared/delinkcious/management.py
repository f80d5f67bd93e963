"""The management port: ``/healthz``, ``/readiness``, ``/metrics`` and ``/info``.

It has its own port and thread, away from the public one, and answers also while the service itself
is busy or waits for what it depends on. It may be encrypted; a platform that asks has no
certificate, so it is asked for none.
"""

import dataclasses
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from prometheus_client.exposition import ThreadingWSGIServer

from delinkcious.health import Health
from delinkcious.tls import PLAIN, Material, Tls, server_context

_JSON: Final = "application/json"
Answer = tuple[str, str, bytes]


_NAME: Final = "management"


class _Server(ThreadingWSGIServer):
    tls: Tls = PLAIN
    _context: tuple[Material, ssl.SSLContext] | None = None

    def get_request(self) -> tuple[socket.socket, Any]:
        """Takes a connection; its thread encrypts it, so nobody waits who does not say a word."""
        connection, client = super().get_request()
        material = self.tls.current
        if material is not None:
            if self._context is None or self._context[0] is not material:
                self._context = material, server_context(material)
            connection = self._context[1].wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, client

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: that a client broke off is no news."""


class _Handler(WSGIRequestHandler):
    server_version = _NAME
    sys_version = ""
    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Says nothing: probes and scrapes would drown what matters."""


class ManagementServer:
    """Serves the management endpoints of one process.

    Args:
        port: where to listen; 0 takes a free one.
        info: what ``/info`` answers.
        tls: set, it speaks TLS only.
    """

    def __init__(
        self, host: str, port: int, health: Health, info: dict[str, Any], tls: Tls = PLAIN
    ) -> None:
        self._health = health
        self._info = info
        self._routes: dict[str, Callable[[], Answer]] = {
            "/healthz": self._healthz,
            "/readiness": self._readiness,
            "/metrics": self._metrics,
            "/info": self._describe,
        }
        self._server = make_server(
            host, port, self._answer, server_class=_Server, handler_class=_Handler
        )
        self._server.tls = tls
        self.port: int = self._server.server_port

    def start(self) -> None:
        """Starts to answer, in a thread that never holds up the end of the process."""
        threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.1},
            name=_NAME,
            daemon=True,
        ).start()

    def close(self) -> None:
        """Stops answering."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        route = self._routes.get(environ["PATH_INFO"])
        status, content_type, body = route() if route else ("404 Not Found", _JSON, b"{}")
        headers = {"Content-Type": content_type, "Content-Length": str(len(body)), "Server": _NAME}
        start_response(status, list(headers.items()))
        return [body]

    def _healthz(self) -> Answer:
        return "200 OK", _JSON, b'{"status":"alive"}'

    def _readiness(self) -> Answer:
        found = self._health.readiness()
        body: dict[str, Any] = {"status": "ready" if found.ready else "not ready"}
        if found.reason:
            body["reason"] = found.reason
        body["dependencies"] = {
            name: dataclasses.asdict(dependency) for name, dependency in found.dependencies.items()
        }
        return "200 OK" if found.ready else "503 Service Unavailable", _JSON, orjson.dumps(body)

    def _metrics(self) -> Answer:
        return "200 OK", CONTENT_TYPE_LATEST, generate_latest(REGISTRY)

    def _describe(self) -> Answer:
        return "200 OK", _JSON, orjson.dumps(self._info)
