"""The command itself: what it refuses, in one line, and what it deletes."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.local_stack.__main__ import main
from tools.local_stack.layout import Layout
from tools.local_stack.lock import exclusive

REPOSITORY = Path(__file__).parents[3]


@dataclass(frozen=True)
class Ended:
    """What the command has said, and with what it would exit."""

    returncode: int
    stderr: str


Run = Callable[..., Ended]


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Runs the command in this process: most of a process of its own is imports."""
    before = os.umask(0o077)

    def run(*arguments: str, directory: Path = tmp_path, **environment: str) -> Ended:
        with monkeypatch.context() as patch:
            patch.setenv("DELINKCIOUS_LOCAL_DIR", str(directory))
            for name, value in environment.items():
                patch.setenv(name, value)
            code = main(arguments)
        return Ended(code, capsys.readouterr().err)

    yield run
    os.umask(before)


@pytest.mark.parametrize("arguments", [(), ("clean",)])
def test_a_folder_whose_stack_runs_is_not_touched(
    run: Run, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "postgres").mkdir()
    with exclusive(tmp_path):
        done = run(*arguments)
    assert done.returncode == 1
    assert done.stderr == (
        f"local stack: a stack runs in {tmp_path} (pid {os.getpid()}): stop it first with Ctrl-C\n"
    )
    assert (tmp_path / "postgres").exists()


def test_cleaning_deletes_what_a_stack_made_and_nothing_else(run: Run, tmp_path: Path) -> None:
    for name in ("postgres", "secrets", "mine"):
        (tmp_path / name).mkdir()
    assert run("clean").returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_cleaning_twice_is_no_error(run: Run, tmp_path: Path) -> None:
    directory = tmp_path / "stack"
    for _ in range(2):
        assert run("clean", directory=directory).returncode == 0
    assert not directory.exists()


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("GITHUB_CLIENT_ID", "id", "set GITHUB_CLIENT_SECRET"),
        ("DELINKCIOUS_PORTS", "fre", "DELINKCIOUS_PORTS is 'fre': use free"),
    ],
)
def test_a_wrong_setting_is_one_line(run: Run, name: str, value: str, line: str) -> None:
    done = run(**{name: value, "GITHUB_CLIENT_SECRET": ""})
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
        done = subprocess.run(
            [sys.executable, "-m", "tools.local_stack"],
            cwd=REPOSITORY,
            env={**os.environ, "DELINKCIOUS_LOCAL_DIR": str(tmp_path), "DELINKCIOUS_PORTS": ""},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    assert done.returncode == 1
    assert re.fullmatch(r"local stack: port \d+ \(for .+\) is taken by .+\n", done.stderr)
