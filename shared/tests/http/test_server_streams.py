"""Streams through the real server: what it does with them when something goes wrong, and memory."""

import http.client
import os
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from textwrap import dedent
from threading import Event, Thread
from typing import Any

import orjson
import psutil
import pytest
import requests

from delinkcious.config import Address
from delinkcious.errors import PayloadTooLarge, Unavailable
from delinkcious.http.client import HttpClient
from delinkcious.testing.process import HOST, ServiceProcess
from delinkcious.testing.waiting import wait_until

pytestmark = pytest.mark.integration

MIB = 1024 * 1024
LIMIT = 100 * MIB
BLOCK = bytes(range(256)) * 256

SERVICE = dedent("""
    from pathlib import Path
    from typing import ClassVar

    from flask import request

    from delinkcious.config import ServiceSettings
    from delinkcious.errors import NotFound
    from delinkcious.http.app import create_app, json_response, stream_response
    from delinkcious.http.uploads import receive
    from delinkcious.service import run

    BLOCK = bytes(range(256)) * 256


    class Settings(ServiceSettings):
        service_name: ClassVar[str] = "probe"
        gate: Path = Path("gate")


    def serve(runtime):
        app = create_app("probe", title="Probe", version="1", auth=None)

        @app.get("/")
        def root():
            return json_response({})

        @app.get("/blocks/<int:number>")
        def blocks(number):
            return stream_response((BLOCK for _ in range(number)), "application/octet-stream")

        @app.get("/broken/<int:number>")
        def broken(number):
            def chunks():
                if number == 0:
                    raise NotFound("There are none.")
                for _ in range(number):
                    yield BLOCK
                raise ValueError("no more")

            return stream_response(chunks(), "application/octet-stream")

        @app.get("/gate")
        def gate():
            def chunks():
                yield b"wait"
                yield runtime.settings.gate.read_bytes()

            return stream_response(chunks(), "text/plain")

        @app.post("/files")
        def take():
            upload = receive(100 * 1024 * 1024)
            return json_response({"length": sum(map(len, upload.chunks)), "name": upload.filename})

        runtime.serve_http(app, threads=4)


    if __name__ == "__main__":
        run(Settings, roles={"serve": serve})
""")


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the service."""
    folder = tmp_path_factory.mktemp("streams")
    (folder / "probe_stream_service.py").write_text(SERVICE)
    return folder


@pytest.fixture(scope="module")
def shared(code: Path) -> Iterator[ServiceProcess]:
    """A service that the tests share, because they leave it as it was."""
    with ServiceProcess("probe_stream_service", "serve", {"PYTHONPATH": str(code)}) as service:
        service.wait_ready()
        yield service


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A pipe; ``/gate`` goes on when something is written to it."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    return gate


@pytest.fixture
def own(code: Path, gate: Path) -> Iterator[ServiceProcess]:
    """A service of the test's own."""
    env = {"PYTHONPATH": str(code), "GATE": str(gate), "GRACE_PERIOD": "20"}
    with ServiceProcess("probe_stream_service", "serve", env) as service:
        service.wait_ready()
        yield service


@pytest.fixture
def connection(shared: ServiceProcess) -> Iterator[http.client.HTTPConnection]:
    with closing(http.client.HTTPConnection(HOST, shared.port, timeout=30)) as connection:
        yield connection


@pytest.fixture
def client(shared: ServiceProcess) -> HttpClient:
    return HttpClient("probe", Address(HOST, shared.port))


def wait_for_line(service: ServiceProcess, **fields: Any) -> dict[str, Any]:
    """Waits until a line with these fields is in the log, and returns it."""

    def find() -> dict[str, Any] | None:
        lines = [line for line in service.logs() if fields.items() <= line.items()]
        return lines[0] if lines else None

    return wait_until(find, message=f"there is a line with {fields}")


# What breaks


@pytest.mark.parametrize("number", [1, 5, 300])
def test_a_stream_that_breaks_does_not_look_complete(
    connection: http.client.HTTPConnection, number: int
) -> None:
    connection.request("GET", f"/broken/{number}")
    answer = connection.getresponse()
    assert answer.status == 200
    with pytest.raises((ConnectionError, http.client.IncompleteRead)):
        answer.read()


def read_all(client: socket.socket) -> None:
    while client.recv(MIB):
        pass


@pytest.mark.parametrize("number", [1, 300])
def test_nor_does_it_to_those_who_know_no_chunks(shared: ServiceProcess, number: int) -> None:
    """As HTTP/1.0, which proxies still speak to what is behind them: there only a reset tells."""
    with socket.create_connection((HOST, shared.port), 30) as client:
        client.sendall(f"GET /broken/{number} HTTP/1.0\r\n\r\n".encode())
        with pytest.raises(ConnectionResetError):
            read_all(client)


def test_nor_to_our_own_client(client: HttpClient) -> None:
    with pytest.raises(Unavailable, match="broke off"):
        list(client.stream("/broken/300"))


def test_nor_to_a_client_that_reads_slowly(shared: ServiceProcess) -> None:
    """Its padding waits behind what it has not read yet, which is more than fits under way."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(30)
        client.connect((HOST, shared.port))
        client.sendall(b"GET /broken/100 HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            read_all(client)


def test_what_breaks_is_said_in_the_log(shared: ServiceProcess, client: HttpClient) -> None:
    with pytest.raises(Unavailable):
        list(client.stream("/broken/300"))
    wait_for_line(shared, route="/broken/<int:number>", status=200, stream="broken")
    assert wait_for_line(shared, event="unexpected_error", error="ValueError")["trace_id"]


def test_what_fails_before_the_first_chunk_is_a_problem(
    connection: http.client.HTTPConnection,
) -> None:
    connection.request("GET", "/broken/0")
    answer = connection.getresponse()
    assert (answer.status, orjson.loads(answer.read())["detail"]) == (404, "There are none.")


class Busy(Thread):
    """Asks again and again over one connection."""

    def __init__(self, port: int, path: str) -> None:
        super().__init__()
        self.stop = Event()
        self.lost = 0
        self.answered = 0
        self._port = port
        self._path = path

    def run(self) -> None:
        with closing(http.client.HTTPConnection(HOST, self._port, timeout=30)) as connection:
            while not self.stop.is_set():
                try:
                    connection.request("GET", self._path)
                    connection.getresponse().read()
                except (OSError, http.client.HTTPException):
                    self.lost += 1
                self.answered += 1


def test_nobody_else_loses_a_connection(shared: ServiceProcess) -> None:
    """Neither those who are idle, nor those who are busy meanwhile."""
    idle = [http.client.HTTPConnection(HOST, shared.port, timeout=30) for _ in range(20)]
    busy = [Busy(shared.port, path) for path in ("/", "/blocks/3")]
    for connection in idle:
        connection.connect()
    for thread in busy:
        thread.start()
    for _ in range(10):
        with closing(http.client.HTTPConnection(HOST, shared.port, timeout=30)) as connection:
            connection.request("GET", "/broken/3")
            with pytest.raises((ConnectionError, http.client.IncompleteRead)):
                connection.getresponse().read()
    for thread in busy:
        thread.stop.set()
        thread.join()
    assert all(thread.answered > 0 and thread.lost == 0 for thread in busy)
    for connection in idle:
        sock = connection.sock
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"{}"
        assert connection.sock is sock
        connection.close()


# The end, and who leaves before it


def test_nothing_stays_open_after_all_this(shared: ServiceProcess, client: HttpClient) -> None:
    process = psutil.Process(shared.pid)
    before = process.num_fds()
    for _ in range(5):
        with pytest.raises(Unavailable):
            list(client.stream("/broken/3"))
    wait_until(lambda: process.num_fds() <= before)


def test_a_stream_has_its_line_when_it_ends(shared: ServiceProcess, client: HttpClient) -> None:
    assert sum(map(len, client.stream("/blocks/100"))) == 100 * len(BLOCK)
    wait_for_line(shared, route="/blocks/<int:number>", status=200, stream="complete")


def test_whoever_leaves_frees_the_server(shared: ServiceProcess, client: HttpClient) -> None:
    with closing(client.stream("/blocks/100000")) as reply:
        next(reply)
    wait_for_line(shared, route="/blocks/<int:number>", stream="left")


def test_a_stream_in_flight_is_finished_when_it_is_told_to_stop(
    own: ServiceProcess, gate: Path
) -> None:
    with closing(http.client.HTTPConnection(HOST, own.port, timeout=30)) as connection:
        connection.request("GET", "/gate")
        answer = connection.getresponse()
        assert answer.read(4) == b"wait"
        os.kill(own.pid, 15)
        own.wait_not_ready()
        gate.write_bytes(b" no more")
        assert answer.read() == b" no more"
    assert own.wait() == 0
    wait_for_line(own, route="/gate", stream="complete")


# Uploads


def refused(port: int, **options: Any) -> requests.Response:
    return requests.post(f"http://{HOST}:{port}/files", timeout=30, **options)


class Large:
    """A body of a length that is said, and that nobody has in memory."""

    def __init__(self, length: int) -> None:
        self._left = length
        self.given = 0

    def __len__(self) -> int:
        return self._left

    def read(self, size: int) -> bytes:
        size = min(size, self._left)
        self._left -= size
        self.given += size
        return bytes(size)


def test_a_body_that_says_it_is_too_large_is_refused_early(shared: ServiceProcess) -> None:
    """Its sender, who only listens when it has sent everything, can read why."""
    for _ in range(5):
        body = Large(1024 * MIB)
        answer = refused(shared.port, data=body)
        assert answer.status_code == 413
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["errors"] == [
            {"field": "body", "detail": f"must be at most {LIMIT} bytes long"}
        ]
        assert body.given < 100 * MIB


def test_a_body_that_turns_out_to_be_too_large_is_refused(shared: ServiceProcess) -> None:
    given = 0

    def chunks() -> Iterator[bytes]:
        nonlocal given
        for _ in range(1024):
            given += MIB
            yield bytes(MIB)

    answer = refused(shared.port, data=chunks())
    assert (answer.status_code, answer.json()["status"]) == (413, 413)
    assert LIMIT < given < 2 * LIMIT


def test_our_own_client_hears_it_too(client: HttpClient) -> None:
    chunks = (bytes(MIB) for _ in range(1024))
    with pytest.raises(PayloadTooLarge):
        client.upload("POST", "/files", chunks, "text/html", length=1024 * MIB)


def test_a_body_that_breaks_off_is_not_taken_for_whole(shared: ServiceProcess) -> None:
    with socket.create_connection((HOST, shared.port), 30) as client:
        client.sendall(
            b"POST /files HTTP/1.1\r\nHost: x\r\nContent-Type: text/html\r\n"
            b"Content-Length: 1000\r\n\r\nsome"
        )
        client.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            client.recv(MIB)
    wait_for_line(shared, route="/files", status=400)


def test_no_process_grows_with_what_goes_through_it(
    shared: ServiceProcess, client: HttpClient
) -> None:
    """Neither the server nor the client, by an upload of 100 MiB and an answer that is as large."""
    processes = [psutil.Process(shared.pid), psutil.Process()]
    before = [process.memory_info().rss for process in processes]
    chunks = (BLOCK for _ in range(1600))
    assert client.upload("POST", "/files", chunks, "text/html").json()["length"] == LIMIT
    assert sum(map(len, client.stream("/blocks/1600"))) == LIMIT
    grown = [process.memory_info().rss for process in processes]
    assert all(after - first < 30 * MIB for first, after in zip(before, grown, strict=True))
