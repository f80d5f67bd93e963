"""Run a small server that a test has written itself, in a process of its own.

For what depends on the real server and on no service, such as what it does when it may open few
files. The services are run by `delinkcious.testing.process`.
"""

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from delinkcious.testing.lifeline import die_with_parent
from delinkcious.testing.waiting import free_port

READY: Final = "ready"


@contextmanager
def running_program(program: str, *arguments: object, files: tuple[int, int]) -> Iterator[int]:
    """Runs Python code as long as the context lasts, and returns the port where it serves.

    Args:
        program: gets the port and then the arguments, as texts in `sys.argv`; prints `READY` in a
            line once it serves.
        files: how many it may open, and to how many it may raise that.
    """
    port, tie_to_parent = free_port(), die_with_parent(signal.SIGKILL)

    def prepare() -> None:
        tie_to_parent()
        resource.setrlimit(resource.RLIMIT_NOFILE, files)

    command = [sys.executable, "-c", program, *map(str, (port, *arguments))]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=prepare,
    ) as process:
        try:
            said = process.stdout.readline() if process.stdout else ""
            if said.rstrip() != READY:
                raise RuntimeError(f"the program does not serve; it says {said!r}")
            yield port
        finally:
            process.terminate()
