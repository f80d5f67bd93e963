import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.local_stack import leftovers


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", "import signal; signal.pause()"]
    with subprocess.Popen(command) as started:
        yield started
        started.kill()


def test_a_process_left_behind_is_stopped(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    leftovers.record(tmp_path, [process.pid])
    assert leftovers.stop_all(tmp_path) == [process.pid]
    assert process.wait(5)


def test_a_stranger_with_the_same_pid_is_left_alone(
    tmp_path: Path, process: subprocess.Popen[bytes]
) -> None:
    (tmp_path / "pids.json").write_text(json.dumps({process.pid: "1"}))
    assert leftovers.stop_all(tmp_path) == []
    assert process.poll() is None


def test_after_an_end_in_good_order_nothing_is_looked_for(
    tmp_path: Path, process: subprocess.Popen[bytes]
) -> None:
    leftovers.record(tmp_path, [process.pid])
    leftovers.forget(tmp_path)
    assert leftovers.stop_all(tmp_path) == []


def test_a_damaged_record_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "pids.json").write_text("{")
    assert leftovers.stop_all(tmp_path) == []
