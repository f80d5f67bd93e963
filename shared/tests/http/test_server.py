"""The HTTP server as a process: when it says that it listens, and how it stops."""

import subprocess
import sys
from textwrap import dedent

import pytest

from delinkcious.testing.waiting import free_port

PROGRAM = dedent("""
    import os, signal, socket
    from delinkcious.http.server import WsgiServer

    def app(environ, start_response):
        start_response("204 No Content", [])
        return []

    def on_start():
        socket.create_connection(("127.0.0.1", {port}), 5).close()
        print("reached", flush=True)
        os.kill(os.getpid(), signal.{number})

    WsgiServer(
        app, "{host}", {port}, threads=1, on_start=on_start, on_stop=lambda: print("stopping")
    ).run()
""")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
def test_it_can_be_reached_once_it_says_so_and_stops_even_when_told_at_that_moment(
    host: str, number: str
) -> None:
    program = PROGRAM.format(host=host, port=free_port(), number=number)
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert (ended.returncode, ended.stdout.split()) == (0, ["reached", "stopping"]), ended.stderr
