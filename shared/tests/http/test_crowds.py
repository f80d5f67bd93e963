"""Clients with more connections than one may have, on the real server."""

import http.client
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from textwrap import dedent

import pytest

from delinkcious.testing.program import running_program
from delinkcious.testing.sockets import has_ended
from delinkcious.testing.waiting import wait_until

pytestmark = pytest.mark.integration

EACH = 20
SPARED = "127.0.0.9"
PROGRAM = dedent("""
    import sys

    from delinkcious.http.app import create_app, json_response
    from delinkcious.http.crowds import ENDED, Crowds
    from delinkcious.http.server import WsgiServer

    port, each, spared = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    app = create_app("probe", title="Probe", version="1", auth=None)

    @app.get("/ended")
    def ended():
        return json_response({"ended": ENDED._value.get()})

    Crowds(port, each, lambda host: None if host == spared else host).start()
    WsgiServer(
        app, "127.0.0.1", port, threads=2, on_start=lambda: print("ready", flush=True)
    ).run()
""")

Connect = Callable[[str], socket.socket]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with running_program(PROGRAM, EACH, SPARED, files=(128, 128)) as port:
        yield port


@pytest.fixture
def connect(port: int) -> Iterator[Connect]:
    """Opens a connection from an address of this machine."""
    with ExitStack() as opened:

        def connect(source: str) -> socket.socket:
            return opened.enter_context(
                socket.create_connection(("127.0.0.1", port), 10, source_address=(source, 0))
            )

        yield connect


def ended(connections: Sequence[socket.socket]) -> int:
    """How many of these the server has closed; it has sent nothing on them."""
    return sum(map(has_ended, connections))


def ask(connection: socket.socket) -> int:
    """The status of an answer, after which the connection stays open."""
    client = http.client.HTTPConnection("127.0.0.1")
    client.sock = connection
    client.request("GET", "/ended")
    answer = client.getresponse()
    answer.read()
    return answer.status


def test_who_opens_more_connections_than_there_are_keeps_nobody_out(connect: Connect) -> None:
    crowd = [connect("127.0.0.2") for _ in range(200)]  # the server may open 128 files
    assert ask(connect("127.0.0.3")) == 200
    wait_until(lambda: ended(crowd) >= len(crowd) - EACH)


def test_what_one_may_have_stays(connect: Connect) -> None:
    crowd = [connect("127.0.0.4") for _ in range(EACH + 5)]
    wait_until(lambda: ended(crowd) == 5)
    assert ended(crowd) == 5


def test_what_was_answered_last_stays(connect: Connect) -> None:
    crowd = [connect("127.0.0.5") for _ in range(EACH)]
    used = connect("127.0.0.5")
    assert ask(used) == 200
    wait_until(lambda: ended(crowd) == 1)
    assert ask(used) == 200


def test_a_client_may_be_spared(connect: Connect) -> None:
    spared = [connect(SPARED) for _ in range(EACH + 5)]
    others = [connect("127.0.0.6") for _ in range(EACH + 5)]
    wait_until(lambda: ended(others) == 5)
    assert ended(spared) == 0
