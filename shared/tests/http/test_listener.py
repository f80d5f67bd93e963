"""The socket that a server listens on."""

import errno
import socket
import sys
from collections.abc import Iterator

import pytest

from delinkcious.http.listener import listen, take_no_more
from delinkcious.testing.waiting import free_port

HOST = "127.0.0.1"
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with listen(HOST, free_port()) as listener:
        yield listener


def connect(listener: socket.socket) -> socket.socket:
    return socket.create_connection(listener.getsockname()[:2], timeout=5)


def test_a_port_is_open_at_once(listener: socket.socket) -> None:
    with connect(listener) as client:
        accepted, peer = listener.accept()
        accepted.close()
        assert peer == client.getsockname()


@linux_only
def test_whoever_takes_nothing_of_an_answer_is_cut_off() -> None:
    with listen(HOST, free_port()) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 100)
        with connect(listener):
            accepted, _ = listener.accept()
            with accepted, pytest.raises(TimeoutError):
                accepted.sendall(bytes(64 * 1024 * 1024))


@linux_only
def test_connections_are_given_a_minute_for_that(listener: socket.socket) -> None:
    with connect(listener):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000


def test_a_taken_port_is_not_shared(listener: socket.socket) -> None:
    with pytest.raises(OSError, match="in use") as error:
        listen(HOST, listener.getsockname()[1])
    assert error.value.errno == errno.EADDRINUSE


def test_a_port_can_be_opened_again_right_after_it_was_used(listener: socket.socket) -> None:
    """Although the connections that its server closed are remembered for a minute."""
    port = listener.getsockname()[1]
    with connect(listener) as client:
        accepted, _ = listener.accept()
        accepted.close()
        assert client.recv(1) == b""
    listener.close()
    listen(HOST, port).close()


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_an_ipv6_address_is_listened_on() -> None:
    with listen("::1", free_port()) as listener, connect(listener) as client:
        assert client.family is socket.AF_INET6


@linux_only
def test_when_it_takes_no_more_what_it_took_is_there(listener: socket.socket) -> None:
    with connect(listener) as client:
        client.sendall(b"request")
        take_no_more(listener)
        client.sendall(b", and more")
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.recv(7) == b"request"
            assert accepted.recv(10) == b", and more"
            accepted.sendall(b"answer")
        assert client.recv(6) == b"answer"


@linux_only
def test_when_it_takes_no_more_new_ones_are_neither_let_in_nor_cut_off(
    listener: socket.socket,
) -> None:
    take_no_more(listener)
    with socket.socket() as client:
        client.setblocking(False)
        assert client.connect_ex(listener.getsockname()) == errno.EINPROGRESS
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
        assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
