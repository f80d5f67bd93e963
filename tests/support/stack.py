"""A local stack that runs for tests or measurements, as ``make run`` runs it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import requests

from delinkcious.testing.waiting import wait_until

ROOT = Path(__file__).parents[2]
START_TIMEOUT = 90
STOP_TIMEOUT = 60


@dataclass
class Stack:
    """A running local stack and its ``stack.json``."""

    folder: Path
    output: Path
    process: subprocess.Popen[bytes]

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
        pids = [pid for name, role in names for pid in _family(self.pid(name, role))]
        _signal(pids, signal.SIGSTOP)
        return lambda: _signal(pids, signal.SIGCONT)

    def control(self, verb: str, *names: tuple[str, str]) -> None:
        """Has the supervisor ``start`` or ``stop`` parts of the platform."""
        programs = [f"services:{n}-{role}" if role else f"servers:{n}" for n, role in names]
        configuration = str(self.folder / "supervisord.conf")
        command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", configuration]
        subprocess.run([*command, verb, *programs], check=True, capture_output=True)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_TIMEOUT)

    def log(self) -> str:
        return self.output.read_text(errors="replace")


def _family(pid: int) -> list[int]:
    parent = psutil.Process(pid)
    return [pid, *(child.pid for child in parent.children(recursive=True))]


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def start_stack(folder: Path, **environment: str) -> Stack:
    """Starts a local stack on free ports and waits until it says that it is ready."""
    output = folder.with_name(f"{folder.name}-{uuid4().hex[:6]}.log")
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tools.local_stack"],
            cwd=ROOT,
            env={
                **os.environ,
                "DELINKCIOUS_LOCAL_DIR": str(folder),
                "DELINKCIOUS_PORTS": "free",
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    stack = Stack(folder, output, process)
    try:
        wait_until(lambda: _is_ready(stack), timeout=START_TIMEOUT)
    except TimeoutError:
        stack.stop()
        raise AssertionError(f"the stack is not ready:\n{stack.log()[-5000:]}") from None
    return stack


def _is_ready(stack: Stack) -> bool:
    if stack.process.poll() is not None:
        raise AssertionError(f"the stack stopped:\n{stack.log()[-5000:]}")
    return (stack.folder / "stack.json").exists() and "ready" in stack.log() and stack.all_ready()
