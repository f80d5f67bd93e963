"""Werkzeug's threaded server, quiet and anonymous: enough for a tool few people use at once."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server


class _QuietHandler(WSGIRequestHandler):
    """Logs nothing (the application does) and does not say which versions it runs on."""

    def version_string(self) -> str:
        return "identity-provider"

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 (Werkzeug's name)
        pass


def listen(app: Flask, address: str, port: int) -> BaseWSGIServer:
    """A server that has its port already (a free one for port 0) and waits for `serve_forever()`.

    Raises:
        OSError: if the port is taken. Werkzeug alone would print and exit.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, port), family=family) as listener:
        return make_server(
            address, port, app, threaded=True, request_handler=_QuietHandler, fd=listener.fileno()
        )


@contextmanager
def serving(server: BaseWSGIServer, poll_seconds: float = 0.1) -> Iterator[None]:
    """Serve in a thread, and stop at the end.

    The thread is there because `shutdown()` waits for the serving loop to end, which looks every
    `poll_seconds` whether it should.
    """
    thread = Thread(target=server.serve_forever, args=[poll_seconds])
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
