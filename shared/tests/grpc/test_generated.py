"""The code generated from the contracts."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def check(root: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(root / "proto" / "generate.py"), "--check"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The contracts and their code, to be spoiled."""
    shutil.copytree(ROOT / "proto", tmp_path / "proto")
    code = Path("shared/delinkcious/news")
    shutil.copytree(ROOT / code, tmp_path / code)
    return tmp_path


def test_it_is_current() -> None:
    assert check(ROOT).returncode == 0


def test_a_contract_that_changed_is_noticed(copy: Path) -> None:
    contract = copy / "proto/delinkcious/news/v1/news.proto"
    contract.write_text(contract.read_text().replace("string title = 5;", "string name = 5;"))
    assert "news_pb2.pyi" in check(copy).stderr


def test_code_that_was_edited_is_noticed(copy: Path) -> None:
    with (copy / "shared/delinkcious/news/v1/news_pb2_grpc.py").open("a") as code:
        code.write("# a small improvement\n")
    result = check(copy)
    assert result.returncode == 1
    assert result.stderr == ("not current: delinkcious/news/v1/news_pb2_grpc.py; run: make proto\n")


def test_code_without_a_contract_is_noticed(copy: Path) -> None:
    (copy / "proto/delinkcious/news/v1/news.proto").rename(copy / "proto/other.proto")
    assert "delinkcious/news/v1/news_pb2.py" in check(copy).stderr
