"""Bodies of requests that are slow to come, which must not keep everybody else waiting.

A request is read by the thread that works on it, and Granian waits for each byte as long as its
client likes. So whoever reads a body gives the place for a request that is worked on back
meanwhile; only so many read at a time, and a part of them for one client; and who sends next to
nothing is cut off (ADR-0043).

Granian does not tell by which connection a request came. But the kernel tells of each connection
for how long nothing has been sent on it, and how much has come. Granian itself closes those that
are between two requests for ten seconds; so of one address, those that are silent for longer in
both directions are the ones whose bodies we wait for, if there are not more of them than that.
"""

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import IO, TYPE_CHECKING, Any, Final, Protocol

import structlog
from prometheus_client import Counter
from werkzeug.exceptions import RequestTimeout

from delinkcious.http.connections import client_of, connections_to, host_of, traffic
from delinkcious.http.slots import Slots

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

logger = structlog.get_logger()

PIECE: Final = 16 * 1024
SLOWEST: Final = 15.0
"""Seconds in which a piece must come, or what is left."""
_PATIENCE: Final = 60.0
_LEAST_RATE: Final = 4096
"""Bytes a second that must have come, on the whole, once the patience is over."""
_LOOK: Final = 1.0

CUT_OFF: Final = Counter(
    "delinkcious_slow_requests_total", "Requests whose bodies were so slow that they were cut off."
)


class Room(Protocol):
    """Places for requests that are worked on, as a semaphore has them."""

    def acquire(self) -> object: ...

    def release(self) -> None: ...


@dataclass(eq=False)
class _Reading:
    """A thread that waits for a piece of a body."""

    peer: str
    since: float
    is_cut: bool = False


class Bodies:
    """Reads the bodies of requests. Safe to share between threads.

    Args:
        port: where our server listens.
        room: what a request gives back while it waits for its body.
        client: says of an environment who the client is.
        total: how many bodies may be waited for at a time.
        each: how many of one client.
        slowest: seconds in which a piece must come, or what is left.
    """

    def __init__(
        self,
        port: int,
        room: Room,
        client: Callable[["WSGIEnvironment"], str],
        *,
        total: int = 32,
        each: int = 8,
        slowest: float = SLOWEST,
    ) -> None:
        self._slowest = slowest
        self._port = port
        self._room = room
        self._client = client
        self._slots = Slots(total, each, "slow requests")
        self._readings: set[_Reading] = set()
        self._seen: dict[Any, tuple[float, int]] = {}

    def start(self) -> None:
        """Begins to cut off who is too slow. On Linux only; elsewhere they are only kept apart."""
        if sys.platform == "linux":
            threading.Thread(target=self._watch, name="slow-bodies", daemon=True).start()

    def install(self, environ: "WSGIEnvironment") -> None:
        """Has the body of a request, if it has one, be read with patience that ends."""
        if "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"] = _Body(environ["wsgi.input"], environ, self)

    def read(self, environ: "WSGIEnvironment", stream: IO[bytes], size: int) -> bytes:
        """Reads a piece of a body.

        Raises:
            ResourceExhausted: too many bodies of this client are waited for.
            Unavailable: too many are waited for.
            RequestTimeout: it did not come in time.
        """
        reading = _Reading(environ.get("REMOTE_ADDR", ""), monotonic())
        with self._place_given_back(), self._slots.one_for(self._client(environ)):
            self._readings.add(reading)
            try:
                piece = stream.read(size)
            finally:
                self._readings.discard(reading)
        if reading.is_cut:
            raise RequestTimeout
        return piece

    def look(self) -> None:
        """Looks at all connections, if a body is waited for, and cuts off those that are silent."""
        now = monotonic()
        readings = [each for each in self._readings.copy() if now - each.since > self._slowest / 2]
        if not readings:
            self._seen = {}
            return
        with ExitStack() as opened:
            connections = [opened.enter_context(each) for each in connections_to(self._port)]
            silent = self._silent(connections, now)
            for peer in {reading.peer for reading in readings}:
                waiting = [each for each in readings if each.peer == peer]
                overdue = [each for each in waiting if now - each.since > self._slowest]
                _cut_off(overdue, [each for each in silent if host_of(each) == peer], now)

    @contextmanager
    def _place_given_back(self) -> Iterator[None]:
        self._room.release()
        try:
            yield
        finally:
            self._room.acquire()

    def _silent(self, connections: list[socket.socket], now: float) -> list[socket.socket]:
        """Returns those on which nothing has been sent for long, and hardly anything has come since
        they were seen first.
        """
        seen, silent = {}, []
        for connection in connections:
            client = client_of(connection)
            sent_ago, received = traffic(connection)
            since, before = seen[client] = self._seen.get(client, (now, received))
            if (
                sent_ago >= self._slowest
                and now - since >= self._slowest / 4
                and received - before < PIECE
            ):
                silent.append(connection)
        self._seen = seen
        return silent

    def _watch(self) -> None:
        pause = threading.Event()
        while not pause.wait(min(_LOOK, self._slowest / 8)):
            try:
                self.look()
            except Exception:
                logger.exception("slow_requests_not_seen")


class _Body:
    """The body of a request, read in pieces that must each come in time."""

    def __init__(self, stream: IO[bytes], environ: "WSGIEnvironment", bodies: Bodies) -> None:
        self._stream = stream
        self._environ = environ
        self._bodies = bodies
        self._began = monotonic()
        self._received = 0

    def read(self, size: int = -1) -> bytes:
        """Reads so many bytes, or fewer if there are no more; all of them by default."""
        pieces, left = [], size
        while left:
            piece = self._piece(PIECE if left < 0 else min(left, PIECE))
            if not piece:
                break
            pieces.append(piece)
            left -= len(piece) if left > 0 else 0
        return b"".join(pieces)

    def _piece(self, size: int) -> bytes:
        elapsed = monotonic() - self._began
        if elapsed > _PATIENCE and self._received < elapsed * _LEAST_RATE:
            CUT_OFF.inc()
            raise RequestTimeout
        piece = self._bodies.read(self._environ, self._stream, size)
        self._received += len(piece)
        return piece


def _cut_off(overdue: list[_Reading], silent: list[socket.socket], now: float) -> None:
    """Ends the connections by which nothing comes. If there are more than should be, some of them
    are something else, which does not last for ever: only then, who is overdue for long costs all.
    """
    if not overdue or not silent:
        return
    if len(silent) > len(overdue) and now - min(each.since for each in overdue) < 2 * _PATIENCE:
        return
    for reading in overdue:
        reading.is_cut = True
    for connection in silent:
        with suppress(OSError):  # it has ended by itself
            connection.shutdown(socket.SHUT_RD)
    CUT_OFF.inc(len(overdue))
    logger.warning("slow_requests_cut_off", number=len(overdue))
