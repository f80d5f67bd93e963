"""A small platform to run: real servers, two migrations and two programs that do nothing."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from delinkcious.testing.embedded import EmbeddedNats, EmbeddedPostgres, EmbeddedRedis
from delinkcious.testing.waiting import free_port, wait_until
from tools.local_stack.console import Console
from tools.local_stack.run import run
from tools.local_stack.stack import Program, Stack

SERVICE = Path(__file__).with_name("service.py")
REPOSITORY = Path(__file__).parents[3]


def small_stack(directory: Path, *, migration_fault: str = "", fault: str = "") -> Stack:
    """A stack whose second migration or second service has a fault."""
    return Stack(
        directory=directory,
        gateway="http://127.0.0.1:5000",
        servers=(
            EmbeddedPostgres(directory / "postgres", free_port(), "secret", durable=False),
            EmbeddedRedis(directory / "redis", free_port(), "secret"),
            EmbeddedNats(directory / "nats", free_port(), free_port()),
        ),
        migrations=(_migration("first", ""), _migration("second", migration_fault)),
        services=(_service("first", ""), _service("second", fault)),
        patience=1,
    )


def _migration(name: str, fault: str) -> Program:
    return Program(name, "migrate", _command("migrate", fault))


def _service(name: str, fault: str) -> Program:
    port = free_port()
    environment = {"MANAGEMENT_PORT": str(port), "TITLE": f"100% {name}, it's"}
    return Program(name, "serve", _command("serve", fault), environment, None, port)


def _command(role: str, fault: str) -> list[str]:
    return [sys.executable, str(SERVICE), role, *([fault] if fault else [])]


class Platform:
    """The process that runs a small stack."""

    def __init__(self, directory: Path, **faults: str) -> None:
        self.directory = directory
        self._output = directory / "output"
        directory.mkdir(exist_ok=True)
        self._output.unlink(missing_ok=True)
        with self._output.open("wb") as output:
            command = [sys.executable, "-m", __name__, str(directory), json.dumps(faults)]
            self.process = subprocess.Popen(
                command, cwd=REPOSITORY, stdout=output, stderr=output, start_new_session=True
            )

    @property
    def output(self) -> str:
        """What it has printed."""
        return self._output.read_text()

    @property
    def description(self) -> dict[str, Any]:
        """What `stack.json` says now."""
        content: dict[str, Any] = json.loads((self.directory / "stack.json").read_text())
        return content

    @property
    def pids(self) -> dict[str, int | None]:
        """All processes that run now, by name."""
        content = self.description
        servers = {name: server["pid"] for name, server in content["servers"].items()}
        return servers | {process["name"]: process["pid"] for process in content["processes"]}

    def wait_for(self, text: str, timeout: float = 30) -> None:
        """Wait until it has printed this."""

        def printed() -> bool:
            if self.process.poll() is not None and text not in self.output:
                raise AssertionError(f"ended without saying {text!r}:\n{self.output}")
            return text in self.output

        wait_until(printed, timeout, message=f"{text!r} in its output")

    def wait_for_pid_other_than(self, name: str, pid: int) -> int:
        """Wait until `stack.json` names another process."""
        return wait_until(lambda: self.pids[name] if self.pids[name] != pid else None)

    def end(self, number: signal.Signals) -> int:
        """Send it a signal, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def platform(directory: Path, **faults: str) -> Iterator[Platform]:
    """Run a small stack as long as the context lasts."""
    running = Platform(directory, **faults)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.end(signal.SIGTERM)


if __name__ == "__main__":
    os.umask(0o077)
    stack = small_stack(Path(sys.argv[1]), **json.loads(sys.argv[2]))
    sys.exit(0 if run(stack, Console()) else 1)
