"""A web server that behaves in every way a web server can, on the loopback interface.

It notes each request that it gets. What it holds up waits for `close`, or for the client to go.
"""

import gzip
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote

_MEBIBYTE = 1024 * 1024
_PIECE = b"x" * 16 * 1024


class Website(ThreadingHTTPServer):
    """Serves the pages below until it is closed."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.bytes_sent = 0
        self.connections = 0
        self.closing = threading.Event()
        self._documents: list[Callable[[_Handler], None]] = []
        self._released = threading.Event()
        self._scheme = "https" if context else "http"
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.002})
        self._thread.start()

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        """The URL of a page."""
        return f"{self._scheme}://{host}:{self.server_port}{path}"

    def put(
        self,
        body: bytes,
        content_type: str | None = "text/html",
        then: "Then | None" = None,
        **headers: str,
    ) -> str:
        """Adds a page, and what happens after it was sent, and returns its URL."""
        if content_type is not None:
            headers["Content_Type"] = content_type

        def serve(handler: _Handler) -> None:
            if then is None:
                handler.page(200, body, **headers)
            else:
                handler.begin(200, Content_Length=str(1000 * _MEBIBYTE), **headers)
                handler.body(body)
                then(handler)

        self._documents.append(serve)
        return self.url(f"/document/{len(self._documents) - 1}")

    def serve(self, handler: "_Handler", document: int) -> None:
        """Serves a page that was put here."""
        self._documents[document](handler)

    def redirect(self, target: str, status: int = 302) -> str:
        """The URL of a page that redirects to another one, and sets a cookie."""
        return self.url(f"/to/{status}/{quote(target, safe='')}")

    def release(self) -> None:
        """Lets the page ``/once-released`` answer."""
        self._released.set()

    def wait_for_release(self) -> None:
        """Returns when the website is released, or closes."""
        self._released.wait()

    def close(self) -> None:
        """Lets go of what is held up, and stops."""
        self.closing.set()
        self.release()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Counts the connections, and takes them all."""
        self.connections += 1
        return True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: that clients go away is what we are here for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Website

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def log_message(self, *_: Any) -> None:
        """Keeps the tests' output clean."""

    def _serve(self) -> None:
        self.close_connection = True
        self.server.requests.append((self.command, self.path))
        self.server.headers.append(dict(self.headers))
        page, _, argument = self.path.partition("?")[0].lstrip("/").partition("/")
        _PAGES[page](self, argument)

    def begin(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Connection", "close")
        self.end_headers()

    def page(self, status: int = 200, body: bytes = b"hello", **headers: str) -> None:
        self.begin(status, Content_Length=str(len(body)), **headers)
        self.body(body)

    def body(self, data: bytes) -> None:
        if self.command != "HEAD":
            self.wfile.write(data)
            self.server.bytes_sent += len(data)

    def hold(self) -> None:
        """Does nothing until the website closes."""
        self.server.closing.wait()

    def reset(self) -> None:
        """Ends the connection as if the machine had gone."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


Page = Callable[[_Handler, str], None]
Then = Callable[[_Handler], None]


def hold(handler: _Handler) -> None:
    """Says no more."""
    handler.hold()


def break_off(_: _Handler) -> None:
    """Hangs up."""


def go_on_with(piece: bytes) -> Then:
    """Never ends."""

    def go_on(handler: _Handler) -> None:
        while not handler.server.closing.is_set():
            handler.body(piece)

    return go_on


def _head_only(trouble: Callable[[_Handler], None]) -> Page:
    """A page that is fine, if one does not ask with HEAD."""

    def serve(handler: _Handler, _: str) -> None:
        trouble(handler) if handler.command == "HEAD" else handler.page()

    return serve


def _head_status(handler: _Handler, status: str) -> None:
    handler.page(int(status) if handler.command == "HEAD" else 200)


def _redirect(handler: _Handler, left: str) -> None:
    if left == "0":
        handler.page()
    else:
        handler.page(302, Location=f"/redirect/{int(left) - 1}")


def _big_redirect(handler: _Handler, _: str) -> None:
    handler.page(405 if handler.command == "HEAD" else 302, b"x" * _MEBIBYTE, Location="/")


def _to(handler: _Handler, argument: str) -> None:
    status, _, target = argument.partition("/")
    handler.page(int(status), Location=unquote(target), Set_Cookie="session=abc; Path=/")


def _raw(answer: bytes) -> Page:
    return lambda handler, _: (handler.wfile.write(answer), None)[1]


def _once_released(handler: _Handler, _: str) -> None:
    handler.server.wait_for_release()
    handler.page()


def _stalled(handler: _Handler, _: str) -> None:
    if handler.command == "HEAD":
        handler.page(405)
    else:
        handler.begin(200, Content_Length="1000")
        handler.hold()


def _huge(handler: _Handler, _: str) -> None:
    if handler.command == "HEAD":
        handler.page(405)
        return
    handler.begin(200, Content_Length=str(1000 * _MEBIBYTE))
    while not handler.server.closing.is_set():
        handler.body(_PIECE)


def _endless(handler: _Handler, _: str) -> None:
    if handler.command == "HEAD":
        handler.page(405)
        return
    handler.begin(200, Transfer_Encoding="chunked")
    while not handler.server.closing.is_set():
        handler.body(b"%x\r\n%s\r\n" % (len(_PIECE), _PIECE))


def _truncated(handler: _Handler, _: str) -> None:
    if handler.command == "HEAD":
        handler.page(405)
    else:
        handler.begin(200, Content_Length="1000")
        handler.body(b"x")


def _long_header(handler: _Handler, _: str) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 200_000 + b"\r\n\r\n")


def _many_headers(handler: _Handler, _: str) -> None:
    line = b"X-Padding: " + b"x" * 8000 + b"\r\n"
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + line * 130 + b"\r\n")


_PAGES: dict[str, Page] = {
    "": lambda handler, _: handler.page(),
    "status": lambda handler, status: handler.page(int(status)),
    "head-status": _head_status,
    "head-reset": _head_only(_Handler.reset),
    "head-held": _head_only(_Handler.hold),
    "redirect": _redirect,
    "big-redirect": _big_redirect,
    "document": lambda handler, number: handler.server.serve(handler, int(number)),
    "loop": lambda handler, _: handler.page(302, Location="/loop"),
    "no-location": lambda handler, _: handler.page(302),
    "to": _to,
    "held": lambda handler, _: handler.hold(),
    "once-released": _once_released,
    "stalled": _stalled,
    "huge": _huge,
    "endless": _endless,
    "truncated": _truncated,
    "many-headers": _many_headers,
    "long-header": _long_header,
    "switch": _raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
    "garbage": _raw(b"220 mail.example ESMTP\r\n"),
    "nothing": _raw(b""),
    "reset": lambda handler, _: handler.reset(),
    "gzip": lambda handler, _: handler.page(
        405 if handler.command == "HEAD" else 200, gzip.compress(_PIECE), Content_Encoding="gzip"
    ),
    "broken-gzip": lambda handler, _: handler.page(
        405 if handler.command == "HEAD" else 200, b"not gzip", Content_Encoding="gzip"
    ),
}
