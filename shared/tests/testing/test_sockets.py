import socket
from collections.abc import Iterator

import pytest

from delinkcious.testing.sockets import has_ended
from delinkcious.testing.waiting import wait_until

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname(), 10) as ours,
        listener.accept()[0] as theirs,
    ):
        yield ours, theirs


def test_a_connection_on_which_nothing_is_said_goes_on(pair: Pair) -> None:
    ours, _ = pair
    assert not has_ended(ours)
    assert ours.gettimeout() == 10


def test_what_the_other_side_said_stays_to_be_read(pair: Pair) -> None:
    ours, theirs = pair
    theirs.sendall(b"said")
    assert ours.recv(4, socket.MSG_PEEK) == b"said"
    assert not has_ended(ours)
    assert ours.recv(4) == b"said"


def test_a_connection_ends_when_the_other_side_closes_it(pair: Pair) -> None:
    ours, theirs = pair
    theirs.close()
    wait_until(lambda: has_ended(ours))


def test_a_connection_ends_when_the_other_side_breaks_it_off(pair: Pair) -> None:
    ours, theirs = pair
    ours.sendall(b"never read")
    assert theirs.recv(10, socket.MSG_PEEK)
    theirs.close()
    wait_until(lambda: has_ended(ours))
