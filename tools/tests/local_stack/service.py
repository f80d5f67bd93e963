"""A program of the tests' stack: `python service.py serve | migrate [what goes wrong]`."""

import http.server
import os
import signal
import sys
from types import FrameType


class Readiness(http.server.BaseHTTPRequestHandler):
    """Answers every request with 200."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """The tests read what the program itself writes, and nothing else."""


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def stop(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def serve(fault: str) -> None:
    if fault == "crash":
        say("cannot go on")
        sys.exit(7)
    signal.signal(signal.SIGTERM, signal.SIG_IGN if fault == "deaf" else stop)
    say(f"serving as {os.environ['TITLE']}")
    place = ("127.0.0.1", int(os.environ["MANAGEMENT_PORT"]))
    http.server.HTTPServer(place, Readiness).serve_forever()


def migrate(fault: str) -> None:
    say("creating tables")
    if fault:
        say(f"service: {fault}")
        sys.exit(69)


if __name__ == "__main__":
    role, *faults = sys.argv[1:]
    {"serve": serve, "migrate": migrate}[role](*faults or [""])
