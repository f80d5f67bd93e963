"""Threads for streams beside those for all other requests.

A stream keeps its thread for as long as it is read. The server therefore has more threads than
requests are worked on at a time; the others wait here as they would wait for a thread, which keeps
threads from getting into each other's way.
"""

from collections.abc import Iterable
from threading import Semaphore
from typing import TYPE_CHECKING

from delinkcious.http.server import WsgiApp

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def at_once(app: WsgiApp, requests: int) -> WsgiApp:
    """Returns an application that works on so many requests at a time.

    What a request sends while it is made, as a stream does, is not counted.
    """
    room = Semaphore(requests)

    def respond(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        with room:
            return app(environ, start_response)

    return respond
