import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from delinkcious.testing.waiting import free_port
from tools.local_stack.readiness import Roll, obstacle
from tools.local_stack.stack import Program


@contextmanager
def answering(status: int, body: object = "") -> Iterator[Program]:
    """A program whose management port answers every request so."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", free_port()), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield program(server.server_port)
        server.shutdown()
        thread.join()


def program(management_port: int) -> Program:
    return Program("link-manager", "serve", [], {}, None, management_port)


NOT_READY = {
    "status": "not ready",
    "dependencies": {
        "link-db": {"ok": False, "required": True, "detail": "connection refused"},
        "nats": {"ok": True, "required": True, "detail": ""},
    },
}


def test_a_program_that_answers_200_has_no_obstacle() -> None:
    with answering(200) as ready:
        assert obstacle(ready) is None


def test_a_program_that_is_not_ready_says_what_it_lacks() -> None:
    with answering(503, NOT_READY) as waiting:
        assert obstacle(waiting) == "link-db: connection refused"


def test_an_answer_nobody_understands_is_given_by_its_status() -> None:
    with answering(500, "oops") as broken:
        assert obstacle(broken) == "answers 500"


def test_a_program_that_does_not_listen_is_said_not_to_answer() -> None:
    absent = program(free_port())
    assert obstacle(absent) == f"does not answer at {absent.readiness_url}"


def test_a_program_without_a_management_port_is_asked_on_its_own() -> None:
    provider = Program("identity-provider", "serve", [], {}, port=8090)
    assert provider.readiness_url == "http://127.0.0.1:8090/healthz"


def test_the_roll_is_complete_when_all_are_ready() -> None:
    with answering(200) as one, answering(200) as other:
        assert Roll([one, other]).complete()


def test_the_roll_names_who_is_missing() -> None:
    with answering(200) as ready, answering(503, NOT_READY) as waiting:
        roll = Roll([ready, waiting])
        assert not roll.complete()
        assert list(roll.obstacles()) == [(waiting, "link-db: connection refused")]
