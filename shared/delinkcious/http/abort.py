"""Aborts a response that cannot be completed, so that nobody takes its beginning for the whole.

HTTP ends a response of unknown length with an empty chunk, and one that breaks off has none.
Granian sends it whatever happens: a WSGI response that raises looks complete to its client. So its
connection has to be reset (ADR-0023). Granian does not tell which one that is; but only the
response's own connection sends just as many bytes as the response gives. A few paddings of random
lengths show it, behind the last chunk, where they harm nobody any more.
"""

import fcntl
import secrets
import socket
import struct
import sys
import termios
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, suppress
from time import monotonic, sleep
from typing import Final

import structlog

from delinkcious.http.connections import connections_to

logger = structlog.get_logger()

_LONGEST_PADDING: Final = 16_384
_ROUNDS: Final = 4
_FIRST_WAIT: Final = 0.05
_LONGEST_WAIT: Final = 1.0
_LOOK: Final = 0.001
_PATIENCE: Final = 300.0
_ACKED: Final = struct.Struct("120xQ")  # tcpi_bytes_acked in struct tcp_info of <linux/tcp.h>
_RECORD: Final = 22
"""Bytes that TLS 1.3 adds to each record: its header, the type of what is in it, and the tag."""
_QUEUED: Final = struct.Struct("i")
_RESET_WHEN_CLOSED: Final = struct.pack("ii", 1, 0)


class Abortable:
    """The chunks of a response to a client on this port; if they fail, its connection is reset.

    On Linux only; elsewhere the response looks complete.
    """

    def __init__(self, chunks: Iterable[bytes], port: int) -> None:
        self._chunks = chunks
        self._port = port

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._chunks
        except Exception:
            if sys.platform != "linux":
                raise
            yield from _abort(self._port)

    def close(self) -> None:
        """Closes the chunks."""
        if close := getattr(self._chunks, "close", None):
            close()


def _abort(port: int) -> Iterator[bytes]:
    """Yields what is to be sent until Granian finds that there is nobody to send it to."""
    until = monotonic() + _PATIENCE
    with ExitStack() as opened:
        connections = [opened.enter_context(connection) for connection in connections_to(port)]
        connection = yield from _find(connections, until)
        if connection is not None:
            _reset(connection)
    while monotonic() < until:
        yield b"\n"
        sleep(_LOOK)
    logger.error("response_not_aborted")


def _reset(connection: socket.socket) -> None:
    """Lets Granian find that the client has hung up: then it hangs up, too, and that is a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_WHEN_CLOSED)
    with suppress(OSError):  # the client has indeed
        connection.shutdown(socket.SHUT_RD)


def _find(
    connections: list[socket.socket], until: float
) -> Generator[bytes, None, socket.socket | None]:
    """Yields paddings, and returns the connection that sent several of them, one after the other.

    One that the client is slow to read may send two together, so they are not counted but tried
    again.
    """
    rounds: dict[socket.socket, int] = {}
    wait = _FIRST_WAIT
    while monotonic() < until:
        before = {connection: _sent(connection) for connection in connections}
        size = 1 + secrets.randbelow(_LONGEST_PADDING)
        yield b"\n" * size
        grown = _grown(before, _on_the_wire(size), wait)
        rounds = {connection: rounds.get(connection, 0) + 1 for connection in grown}
        for connection, number in rounds.items():
            if number == _ROUNDS:
                return connection
        wait = _FIRST_WAIT if grown else min(2 * wait, _LONGEST_WAIT)
    return None


def _on_the_wire(size: int) -> set[int]:
    """Returns how many bytes a chunk may be: of HTTP/1.0 or HTTP/1.1, plain or in TLS records."""
    messages = (size, size + len(f"{size:x}\r\n\r\n"))
    return {message + records * _RECORD for message in messages for records in range(3)}


def _grown(before: dict[socket.socket, int], by: set[int], wait: float) -> list[socket.socket]:
    until = monotonic() + wait
    while True:
        grown = [each for each, bytes_sent in before.items() if _sent(each) - bytes_sent in by]
        if grown or monotonic() >= until:
            return grown
        sleep(_LOOK)


def _sent(connection: socket.socket) -> int:
    """Returns how many bytes have been sent: those that have arrived, and those under way."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ACKED.size)
    queued = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(_QUEUED.size))
    return int(_ACKED.unpack(info)[0] + _QUEUED.unpack(queued)[0])
