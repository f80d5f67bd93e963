import subprocess
import sys
from pathlib import Path

from delinkcious.testing.scratch import clear_away, scratch_folder

_KILLED = """
import os, signal, sys
from pathlib import Path
from delinkcious.testing.scratch import scratch_folder

with scratch_folder(Path(sys.argv[1])):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_goes_with_its_context(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as folder:
        (folder / "data").touch()
    assert not folder.exists()


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], check=False)
    assert len(_names(tmp_path)) == 1
    clear_away(tmp_path)
    assert _names(tmp_path) == []


def test_what_is_in_use_stays(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as folder:
        clear_away(tmp_path)
        assert folder.exists()


def test_the_folders_of_others_stay(tmp_path: Path) -> None:
    (tmp_path / "delinkcious-test-mine").mkdir()
    (tmp_path / "other").mkdir()
    clear_away(tmp_path)
    assert _names(tmp_path) == ["delinkcious-test-mine", "other"]
