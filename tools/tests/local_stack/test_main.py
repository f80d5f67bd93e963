"""The command itself: what it refuses, in one line, and what it deletes."""

import os
import re
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tools.local_stack.layout import Layout
from tools.local_stack.lock import exclusive

REPOSITORY = Path(__file__).parents[3]


def run(directory: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tools.local_stack", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "DELINKCIOUS_LOCAL_DIR": str(directory), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.mark.parametrize("arguments", [(), ("clean",)])
def test_a_folder_whose_stack_runs_is_not_touched(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "postgres").mkdir()
    with exclusive(tmp_path):
        done = run(tmp_path, *arguments)
    assert done.returncode == 1
    assert done.stderr == (
        f"local stack: a stack runs in {tmp_path} (pid {os.getpid()}): stop it first with Ctrl-C\n"
    )
    assert (tmp_path / "postgres").exists()


def test_cleaning_deletes_what_a_stack_made_and_nothing_else(tmp_path: Path) -> None:
    for name in ("postgres", "secrets", "mine"):
        (tmp_path / name).mkdir()
    assert run(tmp_path, "clean").returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_cleaning_twice_is_no_error(tmp_path: Path) -> None:
    directory = tmp_path / "stack"
    assert run(directory, "clean").returncode == run(directory, "clean").returncode == 0
    assert not directory.exists()


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("GITHUB_CLIENT_ID", "id", "set GITHUB_CLIENT_SECRET"),
        ("DELINKCIOUS_PORTS", "fre", "DELINKCIOUS_PORTS is 'fre': use free"),
    ],
)
def test_a_wrong_setting_is_one_line(tmp_path: Path, name: str, value: str, line: str) -> None:
    done = run(tmp_path, **{name: value, "GITHUB_CLIENT_SECRET": ""})
    assert done.returncode == 1
    assert line in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    """Whoever listens on one of the usual ports by now serves as well as we do."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            listener.bind(("127.0.0.1", Layout().servers.nats_monitoring))
            listener.listen()
        done = run(tmp_path, DELINKCIOUS_PORTS="")
    assert done.returncode == 1
    assert re.fullmatch(r"local stack: port \d+ \(for .+\) is taken by .+\n", done.stderr)
