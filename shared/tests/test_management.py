"""The management port: what platforms and people ask a process."""

import http.client
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from threading import Event, Thread
from threading import enumerate as enumerate_threads

import orjson
import pytest

from delinkcious.health import Health, NotReady, Readiness
from delinkcious.management import ManagementServer
from delinkcious.testing.waiting import wait_until

HOST = "127.0.0.1"
INFO = {"name": "probe", "version": "1"}


@dataclass
class Answer:
    """What the management port answered."""

    status: int
    headers: Message
    body: bytes


Ask = Callable[[str], Answer]


class Replaceable(Health):
    """The health of whichever test runs."""

    current = Health()

    def readiness(self) -> Readiness:
        return self.current.readiness()


@pytest.fixture(scope="module")
def server() -> Iterator[ManagementServer]:
    """One for all tests, because closing one takes its time."""
    server = ManagementServer(HOST, 0, Replaceable(), INFO)
    server.start()
    yield server
    server.close()


@pytest.fixture
def health() -> Health:
    """The health that the server asks about, of a process that has started."""
    Replaceable.current = Health()
    Replaceable.current.started()
    return Replaceable.current


@pytest.fixture
def ask(server: ManagementServer) -> Ask:
    def ask(path: str) -> Answer:
        connection = http.client.HTTPConnection(HOST, server.port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    return ask


def test_a_process_that_lives_says_so(ask: Ask) -> None:
    answer = ask("/healthz")
    assert (answer.status, answer.body) == (200, b'{"status":"alive"}')


def test_a_process_that_waits_for_something_is_alive_all_the_same(ask: Ask, health: Health) -> None:
    health.drain()
    assert ask("/healthz").status == 200


def test_readiness_lists_the_dependencies(ask: Ask, health: Health) -> None:
    health.add("database", lambda: None)
    answer = ask("/readiness")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert orjson.loads(answer.body) == {
        "status": "ready",
        "dependencies": {"database": {"ok": True, "required": True, "detail": "ok"}},
    }


def test_a_process_that_is_not_ready_says_why(ask: Ask, health: Health) -> None:
    def gone() -> None:
        raise NotReady("it is gone")

    health.add("database", gone)
    answer = ask("/readiness")
    assert answer.status == 503
    assert orjson.loads(answer.body) == {
        "status": "not ready",
        "reason": "database: it is gone",
        "dependencies": {"database": {"ok": False, "required": True, "detail": "it is gone"}},
    }


def test_metrics_are_in_the_format_of_prometheus(ask: Ask) -> None:
    answer = ask("/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert b"# TYPE process_resident_memory_bytes gauge" in answer.body


def test_info_says_what_runs(ask: Ask) -> None:
    answer = ask("/info")
    assert (answer.status, orjson.loads(answer.body)) == (200, INFO)


@pytest.mark.parametrize("path", ["/", "/healthz/", "/nope", "/metrics.json"])
def test_any_other_path_is_not_found(ask: Ask, path: str) -> None:
    assert ask(path).status == 404


def test_a_query_changes_nothing(ask: Ask) -> None:
    assert ask("/healthz?probe=1").status == 200


@pytest.mark.parametrize("path", ["/healthz", "/nope"])
def test_no_answer_tells_the_version_of_a_server(ask: Ask, path: str) -> None:
    assert ask(path).headers["Server"] == "management"


def test_it_answers_while_a_check_takes_its_time(ask: Ask, health: Health) -> None:
    asked, go_on = Event(), Event()

    def slow() -> None:
        asked.set()
        assert go_on.wait(5)

    health.add("database", slow)
    prober = Thread(target=ask, args=["/readiness"])
    prober.start()
    try:
        assert asked.wait(5)
        assert ask("/healthz").status == 200
    finally:
        go_on.set()
        prober.join()


def test_a_client_that_breaks_off_is_not_worth_a_word(
    server: ManagementServer, ask: Ask, capfd: pytest.CaptureFixture[str]
) -> None:
    """Logs are JSON lines; whoever scans ports must not fill them with tracebacks."""
    before = set(enumerate_threads())
    client = socket.create_connection((HOST, server.port))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset, not close
    client.close()
    assert ask("/healthz").status == 200
    wait_until(lambda: set(enumerate_threads()) <= before, 5)
    assert capfd.readouterr().err == ""


def test_a_closed_port_is_free_at_once(health: Health) -> None:
    server = ManagementServer(HOST, 0, health, INFO)
    server.start()
    server.close()
    again = ManagementServer(HOST, server.port, health, INFO)
    again.start()
    again.close()


def test_a_port_that_is_taken_is_an_error(server: ManagementServer, health: Health) -> None:
    with pytest.raises(OSError, match="in use"):
        ManagementServer(HOST, server.port, health, INFO)
