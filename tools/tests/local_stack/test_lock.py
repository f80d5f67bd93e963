import os
from pathlib import Path

import pytest

from tools.local_stack.lock import InUse, exclusive


def test_a_folder_in_use_is_refused_and_says_by_whom(tmp_path: Path) -> None:
    with exclusive(tmp_path), pytest.raises(InUse, match=str(os.getpid())), exclusive(tmp_path):
        pass


def test_a_folder_is_free_again_afterwards(tmp_path: Path) -> None:
    with exclusive(tmp_path):
        pass
    with exclusive(tmp_path):
        pass


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    with exclusive(tmp_path / "new"):
        assert (tmp_path / "new").is_dir()
