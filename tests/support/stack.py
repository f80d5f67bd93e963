"""A local stack that runs for tests or measurements, as ``make run`` runs it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import redis
import requests

from delinkcious.testing.waiting import wait_until
from tools.consistency.__main__ import differences

ROOT = Path(__file__).parents[2]
START_TIMEOUT = 90
STOP_TIMEOUT = 60


class Stack:
    """A local stack in a folder, which keeps its data when it is stopped and started again.

    Args:
        settings: what it is told beside where it is and that it takes free ports.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self._settings = settings
        self._output = folder.with_name(f"{folder.name}.log")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it on free ports and waits until it says that it is ready."""
        with self._output.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tools.local_stack"],
                cwd=ROOT,
                env={
                    **os.environ,
                    "DELINKCIOUS_LOCAL_DIR": str(self.folder),
                    "DELINKCIOUS_PORTS": "free",
                    **self._settings,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until(self._says_ready, timeout=START_TIMEOUT)
        except TimeoutError:
            self.stop()
            raise AssertionError(f"the stack is not ready:\n{self.log()[-5000:]}") from None

    def stop(self) -> int:
        """Stops it as Ctrl-C does, and returns its exit code."""
        if self._process is None:
            raise RuntimeError("the stack was never started")
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(STOP_TIMEOUT)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def processes(self) -> list[psutil.Process]:
        """Every process of it, itself first."""
        if self._process is None:
            return []
        itself = psutil.Process(self._process.pid)
        return [itself, *itself.children(recursive=True)]

    def log(self) -> str:
        """What it has printed since it was started."""
        return self._output.read_text(errors="replace")

    def _says_ready(self) -> bool:
        if not self.running:
            raise AssertionError(f"the stack stopped:\n{self.log()[-5000:]}")
        return "Delinkcious is ready" in self.log()

    def read(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / "stack.json").read_text())
        return content

    @property
    def gateway(self) -> str:
        return str(self.read()["gateway"])

    def member(self, name: str, role: str = "serve") -> dict[str, Any]:
        processes: list[dict[str, Any]] = self.read()["processes"]
        return next(p for p in processes if (p["name"], p["role"]) == (name, role))

    def pid(self, name: str, role: str = "serve") -> int:
        servers = self.read()["servers"]
        pid = servers[name]["pid"] if name in servers else self.member(name, role)["pid"]
        return int(pid or 0)  # 0 between the end of one process and the start of the next

    def management(self, name: str, role: str, path: str) -> requests.Response:
        port = self.member(name, role)["management_port"]
        return requests.get(f"http://127.0.0.1:{port}{path}", timeout=10)

    def readiness(self, name: str, role: str = "serve") -> dict[str, Any]:
        """What a process says of its readiness; empty while it does not answer."""
        try:
            answer: dict[str, Any] = self.management(name, role, "/readiness").json()
        except requests.RequestException:
            return {}
        return answer

    def ready(self, name: str, role: str = "serve") -> bool:
        return self.readiness(name, role).get("status") == "ready"

    def all_ready(self) -> bool:
        return all(
            self.ready(p["name"], p["role"])
            for p in self.read()["processes"]
            if p.get("management_port")
        )

    def kill(self, name: str, role: str = "serve") -> None:
        """Kills a process and waits until another one has taken its place."""
        pid = self.pid(name, role)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: self.pid(name, role) not in {pid, 0}, timeout=30)

    def freeze(self, *names: tuple[str, str]) -> Callable[[], None]:
        """Stops processes where they are; returns what lets them go on."""
        pids = [pid for name, role in names for pid in family(self.pid(name, role))]
        _signal(pids, signal.SIGSTOP)
        return lambda: _signal(pids, signal.SIGCONT)

    def control(self, verb: str, *names: tuple[str, str]) -> None:
        """Has the supervisor ``start`` or ``stop`` parts of the platform."""
        programs = [f"services:{n}-{role}" if role else f"servers:{n}" for n, role in names]
        configuration = str(self.folder / "supervisord.conf")
        command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", configuration]
        subprocess.run([*command, verb, *programs], check=True, capture_output=True)

    def empty_redis(self) -> None:
        """Has Redis lose all that it has."""
        server = self.read()["servers"]["redis"]
        password = (self.folder / "secrets" / "redis-password").read_text().strip()
        with redis.Redis(host=server["host"], port=server["port"], password=password) as client:
            client.flushall()

    def differences(self, since: datetime | None = None) -> list[str]:
        """What the stores say otherwise than one another; Redis knows nothing from before."""
        return differences(self.folder, since)


def family(pid: int) -> list[int]:
    """A process and all that come from it."""
    parent = psutil.Process(pid)
    return [pid, *(child.pid for child in parent.children(recursive=True))]


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
