"""What can be told of a connection that a test has opened itself."""

import socket


def has_ended(connection: socket.socket) -> bool:
    """Tells whether the other side has ended a connection, without waiting, and without taking
    anything that it has sent.
    """
    patience = connection.gettimeout()
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    finally:
        connection.settimeout(patience)
