"""Processes of a stack whose end nobody saw: recorded while they run, stopped at the next start.

The kernel tells them to stop when the stack is killed; one that does not listen is found here. A
process is known by its pid and the time it started, so that a reused pid is never taken for it.
"""

import json
import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from delinkcious.testing.waiting import wait_until
from tools.local_stack.whole import write_whole

_NAME = "pids.json"


def record(directory: Path, pids: Iterable[int]) -> None:
    """Remember what runs now."""
    started = {str(pid): start for pid in pids if (start := _start_time(pid))}
    write_whole(directory / _NAME, json.dumps(started))


def forget(directory: Path) -> None:
    """All has ended in good order."""
    (directory / _NAME).unlink(missing_ok=True)


def stop_all(directory: Path, patience: float = 15) -> list[int]:
    """Stop what an earlier stack in this folder left running, and return the pids."""
    left = _left(directory)
    for pid in left:
        _send(pid, signal.SIGTERM)
    with suppress(TimeoutError):
        wait_until(lambda: not _left(directory), patience)
    for pid in _left(directory):
        _send(pid, signal.SIGKILL)
    wait_until(lambda: not _left(directory), message="the last stack's processes end")
    forget(directory)
    return left


def _left(directory: Path) -> list[int]:
    try:
        recorded = json.loads((directory / _NAME).read_text())
    except (OSError, ValueError):
        return []
    return [int(pid) for pid, start in recorded.items() if _start_time(int(pid)) == start]


def _start_time(pid: int) -> str | None:
    """See proc_pid_stat(5): field 22, after a name in parentheses that may hold spaces."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        if fields[0] != "Z":  # it has ended, and waits for its parent to notice
            return fields[19]
    return None


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
