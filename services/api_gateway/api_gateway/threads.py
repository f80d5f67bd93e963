"""Threads for streams, and for slow clients, beside those for all other requests.

A stream keeps its thread for as long as it is read, and a request whose body is slow to come for
as long as that lasts. The server therefore has more threads than requests are worked on at a time;
the others wait here as they would wait for a thread, which keeps threads from getting into each
other's way.
"""

from collections.abc import Iterable
from threading import Semaphore
from typing import TYPE_CHECKING

from delinkcious.http.server import WsgiApp
from delinkcious.http.slow_bodies import Bodies

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def at_once(app: WsgiApp, room: Semaphore, bodies: Bodies) -> WsgiApp:
    """Returns an application that works on so many requests at a time as there is room for.

    What a request sends while it is made, as a stream does, is not counted, nor is one whose body
    is still on its way.
    """

    def respond(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        with room:
            bodies.install(environ)
            return app(environ, start_response)

    return respond
