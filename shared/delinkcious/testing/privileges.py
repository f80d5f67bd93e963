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

    def __init__(self, reason: str) -> None:
        super().__init__(
            "PostgreSQL does not run as root, and cannot be given another user here:"
            f" {reason}. Start this as an ordinary user instead."
        )


def give_away(directory: Path, *files: Path) -> None:
    """Let an unprivileged server own its folder; as an ordinary user there is nothing to do."""
    if os.geteuid() == 0:
        owner = _owner(directory)
        for path in (directory, *files):
            os.chown(path, owner, owner)


def unprivileged(program: Path, directory: Path, stop_signal: str) -> list[str]:
    """The start of a command line that makes a program run as the owner of its folder.

    The kernel forgets at a change of user which signal a process gets when its parent dies, so it
    is set again here. Raises RootRefused when no other user can be made to reach both paths.
    """
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        raise RootRefused("the program setpriv (package util-linux) is missing")
    prefix = ["setpriv", *_as_owner(directory), f"--pdeathsig={stop_signal}", "--"]
    question = ["test", "-x", str(program), "-a", "-w", str(directory)]
    answer = subprocess.run([*prefix, *question], capture_output=True, text=True, check=False)
    if answer.returncode:
        reason = answer.stderr.strip() or "the capability to pass through folders is missing"
        raise RootRefused(reason)
    return prefix


def _as_owner(directory: Path) -> list[str]:
    """Options of setpriv for the owner of a folder, who may pass through all others.

    The secure bit is for access(2), by which PostgreSQL looks for its own program: it ignores the
    capabilities of a process whose real user is not root, unless this bit is set.
    """
    owner = _owner(directory)
    return [
        *(f"--reuid={owner}", f"--regid={owner}", "--clear-groups"),
        *("--securebits=+no_setuid_fixup", "--inh-caps=+dac_override"),
        "--ambient-caps=+dac_override",
    ]


def _owner(directory: Path) -> int:
    """Who the server runs as: the owner of its data, unless that is root."""
    return directory.stat().st_uid or NOBODY
