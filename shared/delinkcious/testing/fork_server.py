"""Starts services for tests as children of processes that have imported them. Linux only.

``python -m link_service serve`` imports for half a second before it does anything, and the tests
start services hundreds of times. So one process for each service imports it, and forks at every
start. The child runs the service's ``__main__`` as ``python -m`` does, in a session of its own,
with nothing but the environment, the arguments and the files that it is given. That a service
imports all that it needs is shown where it starts without this: on the whole platform.

No child outlives its server, and no server the process that has started it.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from delinkcious.testing.lifeline import die_with_parent

_LARGEST: Final = 1 << 17
_IMPORTED_LATE: Final = {"migrate": "delinkcious.migrations"}
"""What takes long and is imported only when the command runs, so that others do not pay for it."""


class Forked:
    """A child of a server, with what is used here of `subprocess.Popen`."""

    def __init__(self, answers: socket.socket) -> None:
        self._answers = answers
        self._returncode: int | None = None
        pid = answers.recv(32)
        if not pid:
            answers.close()
            raise RuntimeError("the server of forks has ended")
        self.pid = int(pid)

    def poll(self) -> int | None:
        """Its exit code, or as a negative number the signal that ended it; None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self._returncode

    def wait(self, timeout: float | None = None) -> int:
        """Waits until it ends, and returns its exit code."""
        if self._returncode is None:
            if not select.select([self._answers], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            self._returncode = int(self._answers.recv(32) or -signal.SIGKILL)
            self._answers.close()
        return self._returncode

    def terminate(self) -> None:
        """Asks it to stop."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it at once."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


class ForkServer:
    """A process that has imported a service, and starts it."""

    def __init__(self, module: str, environment: Mapping[str, str]) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno()), module],
                env=environment,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for pytest, which stops it in order
                pass_fds=[theirs.fileno()],
            )

    @property
    def pid(self) -> int:
        """The process that forks."""
        return self._process.pid

    def start(
        self, arguments: Sequence[str], environment: Mapping[str, str], stdout: int, stderr: int
    ) -> Forked:
        """Starts the service with these arguments; the descriptors are where it writes to."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        message = json.dumps([arguments, environment, str(Path.cwd())]).encode()
        with theirs:
            socket.send_fds(self._channel, [message], [stdout, stderr, theirs.fileno()])
        return Forked(ours)

    def close(self) -> None:
        """Ends it, and with it what it has started."""
        self._channel.close()
        self._process.wait()


def _serve(channel: socket.socket, module: str) -> list[str]:
    """Forks at every request; returns in children only, with the arguments of each."""
    tie_to_parent = die_with_parent(signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those between
    gc.disable()  # to look at what is imported would copy it into every child
    _import(f"{module}.__main__")
    sys.modules.pop(f"{module}.__main__", None)  # each child runs it afresh
    while True:
        message, descriptors, _, _ = socket.recv_fds(channel, _LARGEST, 3)
        if not message:
            raise SystemExit
        arguments, environment, folder = json.loads(message)
        _import(_IMPORTED_LATE.get(arguments[0], module))
        if len(list(Path("/proc/self/task").iterdir())) > 1:
            raise RuntimeError(f"{module} starts threads when it is imported: no child has them")
        if os.fork() == 0:
            channel.close()
            _fork_again(descriptors.pop(), tie_to_parent)
            _become(environment, folder, *descriptors)
            return list(arguments)
        for descriptor in descriptors:
            os.close(descriptor)


def _import(module: str) -> None:
    """Imports a module; what is wrong with it, the child says, which imports it as well."""
    with suppress(Exception):
        importlib.import_module(module)
    gc.freeze()


def _fork_again(answers: int, tie_to_parent: Callable[[], None]) -> None:
    """Returns in the child; the process between says which it is, and in the end how it ended."""
    tie_to_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        tie_to_parent()
        os.close(answers)
        return
    with suppress(OSError):  # who asked may be gone
        os.write(answers, b"%d" % child)
        _, status = os.waitpid(child, 0)
        os.write(answers, b"%d" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(environment: Mapping[str, str], folder: str, stdout: int, stderr: int) -> None:
    """Makes the child what a new process would be."""
    os.setsid()
    os.chdir(folder)
    sys.path[0] = folder
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, standard in ((stdout, 1), (stderr, 2)):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    gc.enable()


if __name__ == "__main__":
    _, given, service = sys.argv
    sys.argv[1:] = _serve(socket.socket(fileno=int(given)), service)
    runpy.run_module(service, run_name="__main__", alter_sys=True)
