"""The connections of this process's server, which Granian keeps to itself."""

import os
import socket
from collections.abc import Iterable
from pathlib import Path


def connections_to(port: int) -> Iterable[socket.socket]:
    """Returns our side of every connection to a port of this process, to be closed each."""
    found: dict[object, socket.socket] = {}
    for descriptor in list(Path("/proc/self/fd").iterdir()):
        connection = _duplicate(int(descriptor.name))
        if connection is None:
            continue
        client = _client(connection, port)
        if client is None or client in found:
            connection.close()
        else:
            found[client] = connection
    return found.values()


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


def _client(connection: socket.socket, port: int) -> object:
    """Returns who has connected to this port, or None if nobody has on this socket."""
    try:
        address = connection.getsockname()
        return connection.getpeername() if address[1:2] == (port,) else None
    except OSError:
        return None
