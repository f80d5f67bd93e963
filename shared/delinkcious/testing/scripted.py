"""An HTTP server that answers as a test wants, also badly: for tests of the clients that call it.

What a good peer answers is better tested against the peer itself: `delinkcious.testing.serving`.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import orjson

from delinkcious.config import Address

HOST = "127.0.0.1"
Behaviour = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class Request:
    """A request that reached the peer; ``connection`` is the caller's port."""

    method: str
    path: str
    headers: Message
    body: bytes
    connection: int


def answer(
    status: int = 200, body: object = None, content_type: str = "application/json", **headers: str
) -> Behaviour:
    """Answers like this; a body that is not bytes is encoded as JSON."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)

    def behave(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Type": content_type, **headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return behave


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Closes the connection without a word, as a peer does that is killed."""
    handler.close_connection = True


@dataclass
class Peer:
    """Where the peer is, what reached it, and how it answers: as ``then`` says, and then well."""

    address: Address
    requests: list[Request] = field(default_factory=list)
    then: deque[Behaviour] = field(default_factory=deque)
    always: Behaviour = field(default_factory=answer)
    gone: Event = field(default_factory=Event)

    def wait(self, handler: BaseHTTPRequestHandler) -> None:
        """Lets the caller wait until the test is over."""
        self.gone.wait(30)
        handler.close_connection = True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "_Server"

    def handle_one_request(self) -> None:
        """Reads a request, remembers it and lets the peer behave."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        port = self.client_address[1]
        peer = self.server.peer
        peer.requests.append(Request(self.command, self.path, self.headers, body, port))
        behave = peer.then.popleft() if peer.then else peer.always
        behave(self)

    def log_message(self, *_args: Any) -> None:
        """Says nothing."""


class _Server(ThreadingHTTPServer):
    peer: Peer

    def handle_error(self, *_args: Any) -> None:
        """Says nothing: a caller that gave up is part of a test."""


@contextmanager
def scripted_peer() -> Iterator[Peer]:
    """Runs a peer on a free port as long as the context lasts."""
    server = _Server((HOST, 0), _Handler)
    peer = server.peer = Peer(Address(HOST, server.server_port))
    thread = Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, name="peer", daemon=True
    )
    thread.start()
    try:
        yield peer
    finally:
        peer.gone.set()
        server.shutdown()
        thread.join()
        server.server_close()
