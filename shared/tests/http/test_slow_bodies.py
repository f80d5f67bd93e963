"""Clients that are slow to send what they announce, on the real server."""

import http.client
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from textwrap import dedent
from threading import Event, Semaphore, Thread
from time import monotonic

import pytest
from werkzeug.exceptions import RequestTimeout

from delinkcious.errors import ResourceExhausted, Unavailable
from delinkcious.http import slow_bodies
from delinkcious.http.slow_bodies import PIECE, Bodies
from delinkcious.testing.program import running_program
from delinkcious.testing.waiting import wait_until

PLACES = 2
EACH = 3
TOTAL = 6
SLOWEST = 1.0
EXPECT = "Expect: 100-continue\r\n"
PROGRAM = dedent("""
    import sys
    from threading import Event, Semaphore

    from delinkcious.http.app import create_app, json_response
    from delinkcious.http.decode import JSON, reads
    from delinkcious.http.server import WsgiServer
    from delinkcious.http.slow_bodies import Bodies
    from pydantic import BaseModel

    class Note(BaseModel):
        text: str

    port, places, each, total, slowest = int(sys.argv[1]), *map(float, sys.argv[2:])
    room = Semaphore(int(places))
    bodies = Bodies(
        port, room, lambda environ: environ["REMOTE_ADDR"],
        total=int(total), each=int(each), slowest=slowest,
    )
    app = create_app("probe", title="Probe", version="1", auth=None)
    begun, enough = Event(), Event()

    @app.get("/")
    def root():
        return json_response({})

    @app.get("/work")
    def work():
        begun.set()
        assert enough.wait(20)
        return json_response({})

    @app.get("/work/begun")
    def work_begun():
        assert begun.wait(20)
        return json_response({})

    @app.get("/work/enough")
    def work_enough():
        enough.set()
        return json_response({})

    @app.post("/notes")
    @reads(app, Note, JSON)
    @app.output({})
    def add(note):
        return json_response({"length": len(note.text)})

    def at_once(environ, start_response):
        with room:
            bodies.install(environ)
            return app(environ, start_response)

    bodies.start()
    WsgiServer(
        at_once, "127.0.0.1", port, threads=int(places + total),
        on_start=lambda: print("ready", flush=True),
    ).run()
""")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with running_program(PROGRAM, PLACES, EACH, TOTAL, SLOWEST, files=(64, 1024)) as port:
        yield port


def connect(port: int, source: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 10, source_address=(source, 0))


def begin(port: int, source: str, *, expect: str = "") -> socket.socket:
    """Announces a body and sends the beginning of it."""
    head = "POST /notes HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    connection = connect(port, source)
    connection.sendall(f'{head}{expect}Content-Length: 90\r\n\r\n{{"text":'.encode())
    return connection


def ask(port: int, source: str, method: str = "GET", path: str = "/", body: str = "") -> int:
    client = http.client.HTTPConnection("127.0.0.1", port, 10, source_address=(source, 0))
    try:
        headers = {"Content-Type": "application/json"} if body else {}
        client.request(method, path, body or None, headers)
        return client.getresponse().status
    finally:
        client.close()


def answer(connection: socket.socket) -> bytes:
    """All that comes until the server hangs up."""
    connection.settimeout(10)
    said = b""
    with connection:
        while chunk := connection.recv(4096):
            said += chunk
    return said


@pytest.mark.integration
def test_slow_clients_take_no_place_from_others_and_are_cut_off(port: int) -> None:
    slow = [begin(port, "127.0.0.2", expect=expect) for expect in ("", EXPECT)]
    slow += [begin(port, "127.0.0.3")]
    assert ask(port, "127.0.0.1") == 200
    assert ask(port, "127.0.0.1", "POST", "/notes", '{"text": "in time"}') == 200
    for connection in slow:
        assert b"408 Request Timeout" in answer(connection)
    assert ask(port, "127.0.0.2", "POST", "/notes", '{"text": "again"}') == 200


@pytest.mark.integration
def test_what_takes_long_to_be_worked_on_is_not_cut_off(port: int) -> None:
    with ThreadPoolExecutor(1) as pool:
        worked_on = pool.submit(ask, port, "127.0.0.3", path="/work")
        assert ask(port, "127.0.0.1", path="/work/begun") == 200
        # What begins later has been silent for too long: so has what is worked on.
        assert b"408" in answer(begin(port, "127.0.0.2"))
        assert ask(port, "127.0.0.1", path="/work/enough") == 200
        assert worked_on.result() == 200


def _is_past(moment: float) -> bool:
    return monotonic() > moment


@pytest.mark.integration
def test_who_sends_steadily_is_waited_for(port: int) -> None:
    body = b'{"text": "' + b"x" * (5 * PIECE) + b'"}'
    head = "POST /notes HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: "
    with connect(port, "127.0.0.1") as connection:
        connection.sendall(f"{head}{len(body)}\r\nConnection: close\r\n\r\n".encode())
        began = monotonic()
        for at in range(0, len(body), PIECE):
            due = began + at / PIECE * SLOWEST / 4
            wait_until(partial(_is_past, due))
            connection.sendall(body[at : at + PIECE])
        assert monotonic() - began > SLOWEST
        assert b"200 OK" in answer(connection)


@pytest.mark.integration
def test_many_connections_on_which_nothing_is_said_keep_nobody_out(port: int) -> None:
    with ExitStack() as opened:
        for _ in range(200):  # more than it was given; Granian asks for all there are
            opened.enter_context(connect(port, "127.0.0.4"))
        assert ask(port, "127.0.0.1") == 200


def status_of(port: int, head: str) -> str:
    with connect(port, "127.0.0.1") as connection:
        with suppress(ConnectionError):  # it need not read what it refuses
            connection.sendall(head.encode())
        return connection.recv(4096).decode().split()[1]


@pytest.mark.integration
def test_what_comes_before_a_body_is_limited(port: int) -> None:
    assert status_of(port, f"GET /?{'x' * 30_000} HTTP/1.1\r\nHost: a\r\n\r\n") == "200"
    assert status_of(port, f"GET /?{'x' * 70_000} HTTP/1.1\r\nHost: a\r\n\r\n") == "414"
    headers = "".join(f"X-{number}: y\r\n" for number in range(101))
    assert status_of(port, f"GET / HTTP/1.1\r\nHost: a\r\n{headers}\r\n") == "431"
    assert status_of(port, f"GET / HTTP/1.1\r\nHost: a\r\nX: {'y' * 200_000}\r\n\r\n") == "431"


class Stalled:
    """A body of which nothing comes until it is told."""

    def __init__(self) -> None:
        self.told = Event()

    def read(self, size: int) -> bytes:
        self.told.wait(10)
        return b""


@contextmanager
def waiting(bodies: Bodies, room: Semaphore, clients: Sequence[str]) -> Iterator[None]:
    """A request of each client, which has a place and waits for its body."""
    stalled, before = Stalled(), len(bodies._readings)

    def work(client: str) -> None:
        with room:
            bodies.read({"REMOTE_ADDR": client}, stalled, 1)  # type: ignore[arg-type]

    threads = [Thread(target=work, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: len(bodies._readings) == before + len(clients))
        yield
    finally:
        stalled.told.set()
        for thread in threads:
            thread.join()


def test_only_so_many_are_waited_for_and_of_one_client_a_part() -> None:
    room = Semaphore(1)
    bodies = Bodies(1, room, lambda environ: environ["REMOTE_ADDR"], total=3, each=2)

    def refused(client: str) -> type[Exception]:
        with room, pytest.raises((ResourceExhausted, Unavailable)) as refusal:
            bodies.read({"REMOTE_ADDR": client}, Stalled(), 1)  # type: ignore[arg-type]
        return refusal.type

    with waiting(bodies, room, ["a", "a"]):
        assert refused("a") is ResourceExhausted
        with waiting(bodies, room, ["b"]):
            assert refused("c") is Unavailable
    with waiting(bodies, room, ["a", "c"]):  # there is room again
        assert room.acquire(timeout=1)  # for who has no body, all the time
        room.release()


class Dripping:
    """A body that takes ten seconds for each piece, by its own clock."""

    def __init__(self) -> None:
        self.now = 0.0

    def read(self, size: int) -> bytes:
        self.now += 10
        return b"x" * size


def test_a_body_must_come_in_a_time_that_fits_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Dripping()
    monkeypatch.setattr(slow_bodies, "monotonic", lambda: stream.now)
    environ = {"CONTENT_LENGTH": "1000000", "wsgi.input": stream}
    room = Semaphore(1)
    with room:
        Bodies(1, room, lambda _environ: "somebody").install(environ)
        with pytest.raises(RequestTimeout):
            environ["wsgi.input"].read()  # type: ignore[attr-defined]
    assert 60 < stream.now < 90
    assert room.acquire(blocking=False)  # its place is free again, once
    assert not room.acquire(blocking=False)


def test_requests_without_bodies_are_left_alone() -> None:
    environ = {"wsgi.input": Dripping()}
    Bodies(1, Semaphore(1), lambda _environ: "somebody").install(environ)
    assert isinstance(environ["wsgi.input"], Dripping)
