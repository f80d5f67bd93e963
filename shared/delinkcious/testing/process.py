"""Run a service for real: ``python -m <module> <role>`` in a process of its own, on free ports.

A test says what the process is to be configured with, and gets an environment with nothing else in
it. Whatever way the test ends, the process does not outlive it.
"""

import http.client
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import IO, Any, Final, Protocol, Self

import orjson

from delinkcious.testing.fork_server import ForkServer
from delinkcious.testing.lifeline import die_with_parent
from delinkcious.testing.waiting import free_port, wait_until

HOST = "127.0.0.1"
_INHERITED = ("PATH", "HOME", "TMPDIR", "LANG", "PYTHONPATH", "COVERAGE_PROCESS_START")
_STOPPING = 40.0
_PATH: Final = "PYTHONPATH"

_servers: Final[dict[tuple[str, ...], ForkServer]] = {}
_servers_lock: Final = Lock()


class _Process(Protocol):
    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


class ServiceProcess:
    """One role of one service; a context manager that starts it and, at the end, stops it.

    It may be stopped or killed, and started again on the same ports, as often as the test likes.

    Args:
        env: its configuration; ports and the address to bind are chosen here unless given.
        log: the file that takes what it writes to stderr; by default one that goes with it.
    """

    def __init__(
        self, module: str, role: str, env: Mapping[str, str], *, log: Path | None = None
    ) -> None:
        self.name = f"{module} {role}"
        self.port = int(env.get("PORT") or free_port())
        self.management_port = int(env.get("MANAGEMENT_PORT") or free_port())
        self._module, self._role = module, role
        self._settings = {
            "PORT": str(self.port),
            "MANAGEMENT_PORT": str(self.management_port),
            **env,
        }
        self._folder = tempfile.TemporaryDirectory(prefix="delinkcious-process-")
        self._log = log or Path(self._folder.name) / "stderr"
        self._process: _Process | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        """The process that runs, or ran last."""
        return self._started().pid

    @property
    def url(self) -> str:
        """Where it serves, if its role does."""
        return f"http://{HOST}:{self.port}"

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts it, without waiting for anything."""
        if self.running:
            raise RuntimeError(f"{self.name} runs already")
        with self._log.open("ab") as log:
            self._process = _start(self._module, [self._role], self._settings, log, log)

    def readiness(self) -> dict[str, Any]:
        """What it answers on ``/readiness``; empty while it answers nothing."""
        return orjson.loads(self.management("/readiness") or b"{}")  # type: ignore[no-any-return]

    def management(self, path: str) -> bytes:
        """What it answers on its management port, whatever the status; empty if nothing."""
        connection = http.client.HTTPConnection(HOST, self.management_port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return b""
        finally:
            connection.close()

    def wait_ready(self, timeout: float = 30) -> None:
        """Waits until it says that it is ready; fails at once if it ends instead."""
        self._wait_for("ready", timeout)

    def wait_not_ready(self, timeout: float = 30) -> str:
        """Waits until it has started and is not ready, and returns the reason that it gives."""
        return str(self._wait_for("not ready", timeout)["reason"])

    def missing(self) -> set[str]:
        """The dependencies that it says it lacks."""
        dependencies = self.readiness().get("dependencies", {})
        return {name for name, dependency in dependencies.items() if not dependency["ok"]}

    def wait(self, timeout: float = _STOPPING) -> int:
        """Waits until it ends by itself, and returns its exit code."""
        return self._started().wait(timeout)

    def terminate(self, timeout: float = _STOPPING) -> int:
        """Asks it to stop, as a platform does, and returns its exit code."""
        self._started().terminate()
        return self.wait(timeout)

    def kill(self) -> None:
        """Ends it at once, as a crash would; nothing happens if it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def output(self) -> str:
        """What it has written to stderr."""
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""

    def logs(self) -> list[dict[str, Any]]:
        """The lines of its log, decoded."""
        complete = self.output().split("\n")[:-1]  # the last line may be on its way still
        return [orjson.loads(line) for line in complete if line.startswith("{")]

    def _wait_for(self, status: str, timeout: float) -> dict[str, Any]:
        def answer() -> dict[str, Any] | None:
            if not self.running:
                raise RuntimeError(f"{self.name} ended: {self._tail()}")
            readiness = self.readiness()
            reached = readiness.get("status") == status and readiness.get("reason") != "starting"
            return readiness if reached else None

        try:
            return wait_until(answer, timeout, message=f"{self.name} says {status}")
        except TimeoutError as error:
            raise TimeoutError(f"{error}; it says {self.readiness()}: {self._tail()}") from None

    def _tail(self) -> str:
        return self.output()[-2000:]

    def _started(self) -> _Process:
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process


def run_command(
    module: str,
    command: str,
    env: Mapping[str, str],
    timeout: float = 60,
    *,
    arguments: Sequence[str] = (),
) -> "subprocess.CompletedProcess[str]":
    """Runs a command of a service, such as ``migrate``, to its end."""
    given = [command, *arguments]
    settings = {"PORT": str(free_port()), **env}
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        process = _start(module, given, settings, stdout, stderr)
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
            process.wait()
        said = []
        for file in (stdout, stderr):
            file.seek(0)
            said.append(file.read().decode())
    return subprocess.CompletedProcess([module, *given], code, *said)


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process of the tests: what any program needs, and these settings."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**inherited, "BIND_ADDRESS": HOST, **settings}


def end_fork_servers() -> None:
    """Ends what starts services quickly, and with it what they have started."""
    while _servers:
        _, server = _servers.popitem()
        server.close()


def _start(
    module: str,
    arguments: Sequence[str],
    settings: Mapping[str, str],
    stdout: IO[bytes],
    stderr: IO[bytes],
) -> _Process:
    if _forks(settings):
        server = _server(module, {k: v for k, v in settings.items() if k == _PATH})
        return server.start(arguments, environment(settings), stdout.fileno(), stderr.fileno())
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,  # Ctrl-C is for pytest, which stops it in order
        preexec_fn=die_with_parent(signal.SIGKILL),
    )


def _forks(settings: Mapping[str, str]) -> bool:
    """Whether a service is started from where it is imported, and not in a new interpreter.

    Interpreters read some settings only when they start, and each is to measure what it covers.
    """
    asked = any(name.startswith("PYTHON") for name in settings if name != _PATH)
    return sys.platform == "linux" and not asked and "COVERAGE_PROCESS_START" not in os.environ


def _server(module: str, path: Mapping[str, str]) -> ForkServer:
    """Where a service is imported, with this path to its modules; it stays for the next test."""
    key = (module, *path.values())
    with _servers_lock:
        if key not in _servers:
            _servers[key] = ForkServer(module, environment(path))
        return _servers[key]
