"""Children of a process that has imported a program are as new processes of the program."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from delinkcious.testing.fork_server import Forked, ForkServer
from delinkcious.testing.process import environment
from delinkcious.testing.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux only")

PROGRAM = """
import gc, json, os, signal, sys, threading

class Own: pass

def about_itself():
    return {
        "name": __name__,
        "class": Own.__module__,
        "main": sys.modules["__main__"].__dict__ is globals(),
        "arguments": sys.argv,
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "path": sys.path,
        "leads": os.getsid(0) == os.getpid(),
        "signals": [str(signal.getsignal(number)) for number in signal.valid_signals()],
        "threads": threading.active_count(),
        "files": [fd for fd in range(3, 100) if os.path.exists(f"/proc/self/fd/{fd}")],
        "input": sys.stdin.read(),
        "collects": gc.isenabled(),
    }

if __name__ == "__main__":
    match sys.argv[1:]:
        case ["say", *_]:
            print(json.dumps(about_itself()))
            print("done", file=sys.stderr)
        case ["end", code]:
            sys.exit(int(code))
        case ["stay"]:
            signal.pause()
"""


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "forked_program.py").write_text(PROGRAM)
    return environment({"PYTHONPATH": str(tmp_path)})


@pytest.fixture
def server(env: dict[str, str]) -> Iterator[ForkServer]:
    server = ForkServer("forked_program", env)
    yield server
    server.close()


def start(server: ForkServer, *arguments: str, **env: str) -> Forked:
    with Path(os.devnull).open("wb") as nowhere:
        return server.start(arguments, env, nowhere.fileno(), nowhere.fileno())


def gone(pid: int) -> bool:
    try:
        return "(zombie)" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True


def test_a_child_is_as_a_new_process(
    server: ForkServer, env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, arguments = {**env, "ONE": "1"}, ["say", "two words"]
    monkeypatch.chdir(tmp_path)
    new = subprocess.run(
        [sys.executable, "-m", "forked_program", *arguments],
        env=given,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        capture_output=True,
        check=True,
    )
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        child = server.start(arguments, given, out.fileno(), err.fileno())
    assert child.wait(10) == 0
    assert said(tmp_path / "out") == json.loads(new.stdout)
    assert (tmp_path / "err").read_bytes() == new.stderr


def said(path: Path) -> Any:
    about: dict[str, Any] = json.loads(path.read_bytes())
    assert about["name"] == "__main__"
    return about


@pytest.mark.parametrize("code", [0, 3])
def test_it_tells_how_a_child_ends(server: ForkServer, code: int) -> None:
    child = start(server, "end", str(code))
    assert (child.wait(10), child.poll()) == (code, code)


def test_children_are_waited_for_and_ended_by_signals(server: ForkServer) -> None:
    asked, told = start(server, "stay"), start(server, "stay")
    with pytest.raises(subprocess.TimeoutExpired):
        asked.wait(0.01)
    assert asked.poll() is None
    asked.terminate()
    told.kill()
    assert (asked.wait(10), told.wait(10)) == (-15, -9)
    asked.kill()  # nothing happens
    assert gone(asked.pid)
    assert gone(told.pid)


def test_no_child_outlives_its_server(server: ForkServer) -> None:
    child = start(server, "stay")
    server.close()
    assert child.wait(10) == -9
    wait_until(lambda: gone(child.pid), message="the child is gone")


def test_no_server_outlives_who_started_it(env: dict[str, str], tmp_path: Path) -> None:
    program = """
import os
from delinkcious.testing.fork_server import ForkServer
server = ForkServer("forked_program", dict(os.environ))
print(server.pid, server.start(["stay"], {}, 2, 2).pid, flush=True)
os._exit(0)
"""
    with (tmp_path / "pids").open("wb") as pids:
        subprocess.run([sys.executable, "-c", program], env=env, stdout=pids, check=True)
    server, child = map(int, (tmp_path / "pids").read_text().split())
    wait_until(lambda: gone(server) and gone(child), message="both are gone")


def test_what_cannot_be_imported_says_so_when_it_is_started(
    server: ForkServer, tmp_path: Path
) -> None:
    (tmp_path / "forked_program.py").write_text("import nothing_of_this_name")
    with (tmp_path / "err").open("wb") as err:
        child = server.start(["say"], {}, err.fileno(), err.fileno())
    assert child.wait(10) == 1
    assert "No module named 'nothing_of_this_name'" in (tmp_path / "err").read_text()


def test_nothing_is_forked_that_has_threads(
    env: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = "import signal, threading\nthreading.Thread(target=signal.pause, daemon=True).start()"
    (tmp_path / "forked_program.py").write_text(program)
    server = ForkServer("forked_program", env)
    with pytest.raises(RuntimeError, match="ended"):
        start(server, "say")
    server.close()
    assert "starts threads when it is imported" in capfd.readouterr().err
