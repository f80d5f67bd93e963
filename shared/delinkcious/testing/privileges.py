"""Run a server that refuses root from a session of root.

PostgreSQL does not run as root, and in a container everything is root's, often below /root with
mode 0700, where no other user can enter. So it runs as another user that keeps one capability of
root, to pass through those folders. It leaves everything else of root behind.
"""

import os
import shutil
import subprocess
from pathlib import Path

NOBODY = 65534


class RootRefused(RuntimeError):
    """A server that does not run as root cannot be given another user here."""


def give_away(directory: Path) -> None:
    """Let an unprivileged server own its folder; as an ordinary user there is nothing to do."""
    if os.geteuid() == 0:
        os.chown(directory, _owner(directory), _owner(directory))


def unprivileged(directory: Path, stop_signal: str) -> list[str]:
    """The start of a command line that makes the rest run as the owner of this folder.

    The kernel forgets at a change of user which signal a process gets when its parent dies, so it
    is set again here.
    """
    if os.geteuid() != 0:
        return []
    prefix = _as_user(_owner(directory), stop_signal)
    _require([*prefix, "ls", str(directory)])
    return prefix


def _owner(directory: Path) -> int:
    """Who the server runs as: the owner of its data, unless that is root."""
    return directory.stat().st_uid or NOBODY


def _as_user(user: int, stop_signal: str) -> list[str]:
    return [
        *("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"),
        *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),
        *(f"--pdeathsig={stop_signal}", "--"),
    ]


def _require(command: list[str]) -> None:
    if shutil.which(command[0]) is None:
        reason = "the program setpriv (package util-linux) is missing"
    else:
        probe = subprocess.run(command, capture_output=True, text=True, check=False)
        if probe.returncode == 0:
            return
        reason = probe.stderr.strip() or "the capability DAC_OVERRIDE is missing"
    raise RootRefused(
        f"PostgreSQL does not run as root, and cannot be given another user here: {reason}."
        " Start this as an ordinary user instead."
    )
