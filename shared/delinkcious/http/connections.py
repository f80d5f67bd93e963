"""The connections of this process's server, which Granian keeps to itself.

It does not even tell by which of them a request came. But the kernel tells of each whose it is, for
how long nothing has been sent on it, and how much has come.
"""

import os
import resource
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_DESCRIPTORS: Final = Path("/proc/self/fd")
_MOST: Final = 8192
_INFO: Final = struct.Struct("44xI80xQ")  # last_data_sent, bytes_received: tcp_info, <linux/tcp.h>


@dataclass(frozen=True, slots=True)
class Seen:
    """A connection that was there a moment ago.

    Attributes:
        client: address and port of who has connected.
        unanswered: seconds since something was sent to them, or since they came.
    """

    descriptor: int
    client: tuple[Any, ...]
    unanswered: float

    def end(self) -> None:
        """Has Granian find that the client has hung up, if it is still there."""
        connection = _duplicate(self.descriptor)
        if connection is not None:
            with connection, suppress(OSError):
                if connection.getpeername() == self.client:
                    connection.shutdown(socket.SHUT_RD)


def most_connections() -> int:
    """Returns how many a server should take: beside them there must be room for other files. It is
    Granian that asks for as many files as the system lets it have, which is its hard limit.
    """
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if files == resource.RLIM_INFINITY else min(_MOST, files // 2)


def open_files() -> int:
    """Returns how many there are in this process; no fewer than connections, and quick to say."""
    return len(list(_DESCRIPTORS.iterdir()))


def seen_at(port: int) -> Iterable[Seen]:
    """Returns the connections to a port of this process; opens nothing, however many there are."""
    found: dict[object, Seen] = {}
    for descriptor in list(_DESCRIPTORS.iterdir()):
        seen = _seen(int(descriptor.name), port)
        if seen is not None:
            found[seen.client] = seen
    return found.values()


def connections_to(port: int) -> Iterable[socket.socket]:
    """Returns our side of every connection to a port of this process, to be closed each."""
    found: dict[object, socket.socket] = {}
    for descriptor in list(_DESCRIPTORS.iterdir()):
        connection = _duplicate(int(descriptor.name))
        if connection is None:
            continue
        client = _client_at(connection, port)
        if client is None or client in found:
            connection.close()
        else:
            found[client] = connection
    return found.values()


def client_of(connection: socket.socket) -> Any:
    """Returns address and port of who has connected; None if the connection has ended."""
    try:
        return connection.getpeername()
    except OSError:
        return None


def host_of(connection: socket.socket) -> str:
    """Returns the address alone; empty if the connection has ended."""
    client = client_of(connection)
    return str(client[0]) if client else ""


def traffic(connection: socket.socket) -> tuple[float, int]:
    """Returns for how many seconds nothing has been sent, and how many bytes have come."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size)
    milliseconds, received = _INFO.unpack(info)
    return milliseconds / 1000, received


def _seen(descriptor: int, port: int) -> Seen | None:
    """Returns what a descriptor is, if it is a connection to this port."""
    borrowed = None
    try:
        borrowed = socket.socket(fileno=descriptor)
        client = _client_at(borrowed, port)
        return Seen(descriptor, client, traffic(borrowed)[0]) if client else None
    except OSError:
        return None  # it is none, or not any more
    finally:
        if borrowed is not None:
            borrowed.detach()  # it is not ours to close


def _duplicate(descriptor: int) -> socket.socket | None:
    """Returns a socket that stays open when the given one is closed; None for anything else."""
    try:
        duplicate = os.dup(descriptor)
    except OSError:
        return None  # it has been closed meanwhile
    try:
        return socket.socket(fileno=duplicate)
    except OSError:
        os.close(duplicate)
        return None


def _client_at(connection: socket.socket, port: int) -> Any:
    """Returns who has connected to this port, or None if nobody has on this socket."""
    try:
        address = connection.getsockname()
        return connection.getpeername() if address[1:2] == (port,) else None
    except OSError:
        return None
