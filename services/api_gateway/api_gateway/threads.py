"""Threads for streams, and for slow clients, beside those for all other requests.

A stream keeps its thread for as long as it is read, and a request whose body is slow to come for
as long as that lasts. The server therefore has more threads than requests are worked on at a time;
the others wait here as they would wait for a thread, which keeps threads from getting into each
other's way.
"""

from collections.abc import Iterable
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING

from delinkcious.http.server import WsgiApp
from delinkcious.http.slow_bodies import Bodies, Room

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class Places:
    """Room for so many requests: a semaphore that runs no line of Python, as the standard library's
    does a dozen of for each request, with a lock and a list for whoever waits.
    """

    def __init__(self, number: int) -> None:
        places: SimpleQueue[None] = SimpleQueue()
        for _ in range(number):
            places.put(None)
        self.acquire = places.get
        self.release = partial(places.put, None)


def at_once(app: WsgiApp, room: Room, bodies: Bodies) -> WsgiApp:
    """Returns an application that works on so many requests at a time as there is room for.

    What a request sends while it is made, as a stream does, is not counted, nor is one whose body
    is still on its way.
    """

    def respond(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        room.acquire()
        try:
            bodies.install(environ)
            return app(environ, start_response)
        finally:
            room.release()

    return respond
