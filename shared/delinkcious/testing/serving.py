"""Serve a WSGI application from a thread of the test, for tests of the clients that call it.

The server is Werkzeug's, with a thread for each request, or one for all where each thread would
open a database connection of its own. What depends on the real server (signals, draining, limits
of connections) is tested on the real process: `delinkcious.testing.process`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from wsgiref.types import WSGIApplication

from werkzeug.serving import WSGIRequestHandler, make_server

from delinkcious.config import Address

HOST = "127.0.0.1"


class _QuietHandler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Says nothing: the application logs its requests itself."""


@contextmanager
def serving(
    app: WSGIApplication, port: int = 0, *, one_at_a_time: bool = False
) -> Iterator[Address]:
    """Serves an application on a port, by default a free one, as long as the context lasts."""
    server = make_server(HOST, port, app, threaded=not one_at_a_time, request_handler=_QuietHandler)
    thread = Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, name="serving", daemon=True
    )
    thread.start()
    try:
        yield Address(HOST, server.server_port)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
