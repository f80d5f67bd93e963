"""A web server of pages to save."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@contextmanager
def website(host: str = "127.0.0.1") -> Iterator[str]:
    """Serves: page ``/404/anything`` answers 404, and so on; ``?title=`` is its title."""
    server = ThreadingHTTPServer((host, 0), _Web)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Web(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.wfile.write(self._begin())

    def do_HEAD(self) -> None:
        self._begin()

    def _begin(self) -> bytes:
        url = urlsplit(self.path)
        (title,) = parse_qs(url.query).get("title", [""])
        body = f"<!doctype html><title>{escape(title)}</title>".encode() if title else b""
        self.send_response(int(url.path.split("/")[1] or 200))
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return body

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass
