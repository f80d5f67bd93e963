"""The HTTP server as a process: when it says that it listens, what it answers, and how it stops."""

import http.client
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from threading import Barrier, Thread
from typing import Any

import orjson
import pytest

from delinkcious.http.app import MAX_BODY_BYTES
from delinkcious.testing.process import HOST, ServiceProcess
from delinkcious.testing.waiting import free_port, wait_until

SERVICE = dedent("""
    import os
    from pathlib import Path
    from typing import ClassVar

    from pydantic import BaseModel

    from delinkcious.config import ServiceSettings
    from delinkcious.http.app import create_app, json_response
    from delinkcious.http.decode import JSON, reads
    from delinkcious.service import run


    class Settings(ServiceSettings):
        service_name: ClassVar[str] = "probe"
        gate: Path = Path("gate")


    class Note(BaseModel):
        text: str


    def serve(runtime):
        app = create_app("probe", title="Probe", version="1", auth=None)

        @app.get("/")
        def root():
            return json_response({})

        @app.get("/processors")
        def processors():
            return json_response(sorted(os.sched_getaffinity(0)))

        @app.get("/wait")
        def wait():
            return json_response({"told": runtime.settings.gate.read_text()})

        @app.post("/notes")
        @reads(app, Note, JSON)
        @app.output({})
        def add(note):
            return json_response({"length": len(note.text)})

        runtime.serve_http(app, threads=2)


    if __name__ == "__main__":
        run(Settings, roles={"serve": serve})
""")

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


@pytest.mark.integration
@pytest.mark.parametrize(("host", "number"), [("127.0.0.1", "SIGTERM"), ("0.0.0.0", "SIGINT")])
def test_it_can_be_reached_once_it_says_so_and_stops_even_when_told_at_that_moment(
    host: str, number: str
) -> None:
    program = PROGRAM.format(host=host, port=free_port(), number=number)
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert (ended.returncode, ended.stdout.split()) == (0, ["reached", "stopping"]), ended.stderr


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the service."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "probe_http_service.py").write_text(SERVICE)
    return folder


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A pipe; who asks for ``/wait`` waits until something is written to it."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    return gate


@pytest.fixture
def service(code: Path, gate: Path) -> Iterator[ServiceProcess]:
    """A service that runs, of the test's own."""
    env = {"PYTHONPATH": str(code), "GATE": str(gate), "LOG_LEVEL": "WARNING"}
    with ServiceProcess("probe_http_service", "serve", env) as service:
        service.wait_ready()
        yield service


@pytest.fixture(scope="module")
def port(code: Path) -> Iterator[int]:
    """Where a service runs that the tests share, because they leave it as it was."""
    env = {"PYTHONPATH": str(code), "LOG_LEVEL": "WARNING", "SERVER_PROCESSOR": "5"}
    with ServiceProcess("probe_http_service", "serve", env) as service:
        service.wait_ready()
        yield service.port


def request(port: int, method: str, path: str, **options: Any) -> tuple[int, Any]:
    """Makes a request over a connection of its own; returns status and document."""
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        # A server that refuses a large body need not read it; its answer is there all the same.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, path, **options)
        answer = connection.getresponse()
        return answer.status, orjson.loads(answer.read())
    finally:
        connection.close()


# Requests


def in_pieces(body: bytes) -> dict[str, Any]:
    """Sends a body in chunks, without saying how long it is."""
    pieces = (body[at : at + 65536] for at in range(0, len(body), 65536))
    headers = {"Transfer-Encoding": "chunked", "Content-Type": "application/json"}
    return {"body": pieces, "headers": headers, "encode_chunked": True}


def in_one(body: bytes) -> dict[str, Any]:
    return {"body": body, "headers": {"Content-Type": "application/json"}}


@pytest.mark.integration
@pytest.mark.parametrize("sent", [in_one, in_pieces])
def test_a_body_is_read_however_it_is_sent(port: int, sent: Any) -> None:
    text = "x" * (MAX_BODY_BYTES - 100)
    answer = request(port, "POST", "/notes", **sent(orjson.dumps({"text": text})))
    assert answer == (200, {"length": len(text)})


@pytest.mark.integration
@pytest.mark.parametrize("sent", [in_one, in_pieces])
def test_a_body_over_the_limit_is_refused_however_it_is_sent(port: int, sent: Any) -> None:
    body = orjson.dumps({"text": "x" * MAX_BODY_BYTES})
    status, problem = request(port, "POST", "/notes", **sent(body))
    assert status == problem["status"] == 413
    assert problem["errors"] == [{"field": "body", "detail": "must be at most 1048576 bytes long"}]
    assert problem["trace_id"]


@pytest.mark.integration
def test_what_is_no_http_is_refused_and_harms_nobody(port: int) -> None:
    import socket

    for nonsense in (b"\0\0\0\0\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n"):
        with socket.create_connection((HOST, port), 5) as client:
            client.sendall(nonsense)
            assert b" 200 " not in client.recv(65536)
    assert request(port, "GET", "/")[0] == 200


# The end


class Client(Thread):
    """Asks again and again, until it is refused; counts what became of it.

    Args:
        keeps: whether it keeps its connection from one request to the next.
    """

    def __init__(self, port: int, together: Barrier, *, keeps: bool) -> None:
        super().__init__()
        self.outcomes: Counter[str] = Counter()
        self._port = port
        self._together = together
        self._keeps = keeps

    def run(self) -> None:
        connection = None
        self._together.wait()
        while True:
            try:
                connection = connection or self._connected()
            except ConnectionRefusedError:
                return
            if not self._ask(connection) or not self._keeps:
                connection.close()
                connection = None

    def _connected(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=20)
        connection.connect()
        return connection

    def _ask(self, connection: http.client.HTTPConnection) -> bool:
        """Returns whether the connection is good for another request."""
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.outcomes[repr(error)] += 1
            return False
        self.outcomes[str(answer.status)] += 1
        return not answer.will_close


@pytest.mark.integration
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process cannot choose processors")
def test_it_keeps_to_the_processor_that_it_is_given(port: int) -> None:
    usable = sorted(os.sched_getaffinity(0))
    assert request(port, "GET", "/processors") == (200, [usable[5 % len(usable)]])


@pytest.mark.integration
def test_no_request_is_lost_when_it_is_told_to_stop_under_load(service: ServiceProcess) -> None:
    """Whoever was let in is answered; everybody else is refused, and may ask the next replica."""
    together = Barrier(24)
    clients = [Client(service.port, together, keeps=number % 2 == 0) for number in range(24)]
    for client in clients:
        client.start()
    wait_until(lambda: all(client.outcomes["200"] >= 5 for client in clients), 20)
    assert service.terminate() == 0
    for client in clients:
        client.join()
    outcomes = sum((client.outcomes for client in clients), Counter[str]())
    assert set(outcomes) == {"200"}, outcomes


class Waiter(Thread):
    """Asks for what waits at the gate."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.answer: tuple[int, Any] = (0, None)
        self._port = port

    def run(self) -> None:
        with suppress(OSError, http.client.HTTPException):
            self.answer = request(self._port, "GET", "/wait")


def somebody_waits(gate: Path) -> int | None:
    """Returns the way to let them go on, once somebody has come to the gate."""
    try:
        return os.open(gate, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


@pytest.mark.integration
def test_a_request_that_takes_long_is_finished(service: ServiceProcess, gate: Path) -> None:
    waiter = Waiter(service.port)
    waiter.start()
    way = wait_until(lambda: somebody_waits(gate))
    os.kill(service.pid, 15)
    reason = service.wait_not_ready()
    wait_until(lambda: refused(service.port))
    os.write(way, b"go on")
    os.close(way)
    waiter.join()
    assert reason == "draining: the process is stopping"
    assert waiter.answer == (200, {"told": "go on"})
    assert service.wait() == 0


def refused(port: int) -> bool:
    try:
        request(port, "GET", "/")
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.integration
def test_a_request_without_end_does_not_keep_it_beyond_its_grace_period(
    code: Path, gate: Path
) -> None:
    env = {"PYTHONPATH": str(code), "GATE": str(gate), "GRACE_PERIOD": "0.6"}
    with ServiceProcess("probe_http_service", "serve", env) as service:
        service.wait_ready()
        waiter = Waiter(service.port)
        waiter.start()
        way = wait_until(lambda: somebody_waits(gate))
        assert service.terminate(10) == 1
        os.close(way)
        waiter.join()
        assert service.logs()[-1]["event"] == "grace_period_over"
