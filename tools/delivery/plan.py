"""From the files that changed to what is tested and built.

Which files make an image is said in one place, `build.sh`, which is asked.
"""

import subprocess
from pathlib import Path
from typing import Final

_PROSE: Final = (".md",)
_NOT_BUILT: Final = "nothing changed"

Plan = dict[str, str]


class PlanError(Exception):
    """There is no plan; the message is one line that says why."""


def plan(root: Path, since: str) -> Plan:
    """Returns what is to be done for the changes since a revision.

    Returns:
        ``services``: those whose images are built, with spaces between. ``tests``: the folders
        whose tests are run, ``.`` for all, empty if only prose has changed.

    Raises:
        PlanError: git or `build.sh` failed.
    """
    if not since or not _is_known(root, since):
        return {"services": " ".join(_services(root, "")), "tests": "."}
    changed = _run(root, "git", "diff", "--name-only", since).splitlines()
    code = [path for path in changed if not path.endswith(_PROSE)]
    return {"services": " ".join(_services(root, since)), "tests": " ".join(_tests(code))}


def _tests(changed: list[str]) -> list[str]:
    """Returns where the tests are that a change may break: those of single services, or all."""
    folders = set()
    for path in changed:
        match path.split("/"):
            case ["services", service, *_]:
                folders.add(f"services/{service}")
            case _:
                return ["."]
    return sorted(folders | {"tests"}) if folders else []


def _services(root: Path, since: str) -> list[str]:
    options = ["--since", since] if since else []
    lines = _run(root, "./build.sh", "--list", *options).splitlines()
    return [line.split()[0] for line in lines if _NOT_BUILT not in line]


def _is_known(root: Path, revision: str) -> bool:
    command = ["git", "rev-parse", "--quiet", "--verify", f"{revision}^{{commit}}"]
    return not subprocess.run(command, cwd=root, capture_output=True, check=False).returncode


def _run(root: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PlanError(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout
