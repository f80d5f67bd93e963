"""Files that are read again when they change."""

import os
import threading
from pathlib import Path
from weakref import ref

import pytest
from structlog.testing import capture_logs

from delinkcious.config import ConfigurationError
from delinkcious.testing.waiting import wait_until
from delinkcious.watched import WATCHER, Watched, Watcher


def read(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path.name}: {type(error).__name__}") from None


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "number"
    path.write_text("1")
    return path


@pytest.fixture
def watched(file: Path) -> Watched[int]:
    return Watched("number", [file], lambda: read(file))


def test_a_change_is_noticed_by_itself(watcher: Watcher, file: Path) -> None:
    watched = Watched("number", [file], lambda: read(file))
    file.write_text("22")
    wait_until(lambda: watched.current == 22, timeout=5)


def test_kubernetes_swap_of_a_link_is_a_change(tmp_path: Path) -> None:
    """A mounted secret is a link to a link to a folder, and the one in the middle is replaced."""
    for name, content in (("..first", "1"), ("..second", "2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "number").write_text(content)
    data, file = tmp_path / "..data", tmp_path / "number"
    data.symlink_to("..first")
    file.symlink_to("..data/number")
    watched = Watched("number", [file], lambda: read(file))
    (tmp_path / "..data_tmp").symlink_to("..second")
    (tmp_path / "..data_tmp").replace(data)
    watched.look()
    assert watched.current == 2


@pytest.mark.parametrize("content", [None, "many"])
def test_what_cannot_be_used_changes_nothing_and_is_said_once(
    file: Path, watched: Watched[int], content: str | None
) -> None:
    with capture_logs() as logs:
        if content is None:
            file.unlink()
        else:
            file.write_text(content)
        watched.look()
        watched.look()
    assert watched.current == 1
    assert [log["event"] for log in logs if log["log_level"] == "warning"] == ["file_refused"]
    file.write_text("3")
    watched.look()
    assert watched.current == 3


def test_what_is_being_written_is_not_read_yet(
    file: Path, watched: Watched[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a file of secrets may look like a whole one."""
    WATCHER.remove(watched)  # only we look
    file.write_text("2")
    monkeypatch.setattr("delinkcious.watched._settle", lambda: file.write_text("22"))
    watched.look()
    assert watched.current == 1
    monkeypatch.undo()
    watched.look()
    assert watched.current == 22


def test_who_is_kept_by_nobody_else_is_looked_at_no_more(watcher: Watcher) -> None:
    looked: list[int] = []

    class Looks:
        def look(self) -> None:
            looked.append(1)

    looks = Looks()
    gone = ref(looks)
    watcher.add(looks)
    wait_until(lambda: looked)
    del looks
    wait_until(lambda: gone() is None)


def test_the_thread_ends_after_the_last_and_begins_again(watcher: Watcher, file: Path) -> None:
    before = set(threading.enumerate())
    watched = Watched("number", [file], lambda: read(file))
    for number in (2, 3):
        watcher.add(watched)
        file.write_text(str(number) * number)
        wait_until(lambda: watched.current == read(file))
        watcher.remove(watched)
        wait_until(lambda: set(threading.enumerate()) <= before)


def test_files_are_looked_at_whatever_happens_to_one_of_them(watcher: Watcher, file: Path) -> None:
    watched = Watched("number", [file], lambda: read(file))
    looked: list[int] = []

    class Broken:
        def look(self) -> None:
            looked.append(1)
            raise ValueError("it broke")

    broken = Broken()
    watcher.add(broken)
    wait_until(lambda: looked, timeout=5)
    file.write_text("22")
    wait_until(lambda: watched.current == 22 and len(looked) > 1, timeout=5)
    watcher.remove(broken)


def test_what_has_not_changed_is_not_read_again(file: Path) -> None:
    reads = []
    watched = Watched("number", [file], lambda: reads.append(1))
    watched.look()
    assert len(reads) == 1
    os.utime(file, (1, 1))
    watched.look()
    assert len(reads) == 2


def test_what_is_wrong_at_the_beginning_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="missing: FileNotFoundError"):
        Watched("number", [tmp_path / "missing"], lambda: read(tmp_path / "missing"))
