"""The socket that a server listens on: opened so that a taken port shows, closed so that nobody is
cut off.

A connection that the kernel has set up, but nobody has accepted yet, is reset when its listener is
closed: its client has been let in, may have sent its request, and gets neither an answer nor a
refusal. So first the listener takes no more connections, then those that it took are accepted, and
only then it is closed.
"""

import ctypes
import socket
import struct
import sys
from contextlib import suppress
from typing import Final

BACKLOG: Final = 1024
TAKES_NOTHING: Final = 60
"""Seconds after which a client that takes nothing of its answer is cut off. Linux only."""

_SO_ATTACH_FILTER: Final = 26  # <asm-generic/socket.h>; Python does not name it
# Classic BPF, (code, jump if true, jump if false, operand), over the TCP header of what arrives.
_DROP_NEW_CONNECTIONS: Final = (
    (0x30, 0, 0, 13),  # load the byte with the flags
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone begins a connection:
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # let all others pass
)


def listen(host: str, port: int) -> socket.socket:
    """Opens a port; connections wait there until they are accepted.

    Raises:
        OSError: the port is taken, or the address is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # for what it accepts, both
    if sys.platform == "linux":  # or whoever asks for a large answer and reads none has a thread
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, TAKES_NOTHING * 1000)
    return listener


def take_no_more(listener: socket.socket) -> None:
    """Lets no new connection come; those under way still do. Linux only, elsewhere it does nothing.

    Whoever tries hears nothing, tries again after a second, as TCP does, and is refused then.
    """
    if sys.platform != "linux":
        return
    code = b"".join(struct.pack("HBBI", *line) for line in _DROP_NEW_CONNECTIONS)
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("HP", len(_DROP_NEW_CONNECTIONS), ctypes.addressof(buffer))
    with suppress(OSError):  # not every kernel that calls itself Linux can
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
