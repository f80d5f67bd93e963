"""SECURITY.md claims nothing that no test shows: every defence names tests, and they exist."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text()

_TEST = re.compile(r"`([\w/]+\.py)(?:::(test_\w+))?`")
_MAKE = re.compile(r"`make (\w+)")
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def rows() -> Iterator[list[str]]:
    """The cells of the rows of the tables of threats: those that number what they say."""
    for line in TEXT.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and re.fullmatch(r"T\d+", cells[0]):
            yield cells


@cache
def functions_of(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, functions))


NAMED = sorted(set(_TEST.findall(TEXT)))


@pytest.mark.parametrize(("path", "name"), NAMED, ids=["::".join(each) for each in NAMED])
def test_every_test_that_is_named_exists(path: str, name: str) -> None:
    file = ROOT / path
    assert file.is_file()
    assert not name or name in functions_of(file)


def test_every_defence_names_a_test_that_shows_it() -> None:
    numbers = [cells[0] for cells in rows()]
    assert len(numbers) > 20
    assert numbers == [f"T{number}" for number in range(1, len(numbers) + 1)]
    assert [cells[0] for cells in rows() if not _TEST.search(cells[-1])] == []


def test_what_is_named_is_named_so_that_it_is_looked_for() -> None:
    files = re.findall(r"`[^`]+\.py[^`]*`", " ".join(cells[-1] for cells in rows()))
    assert [name for name in files if not _TEST.fullmatch(name)] == []


def test_every_asset_and_attacker_is_met_by_a_defence() -> None:
    """Those that are listed, and no others."""
    listed = set(re.findall(r"^\| \*\*([A-Z][\w -]+)\*\* \|", TEXT, re.MULTILINE))
    assert listed
    mentioned = " ".join(cell for cells in rows() for cell in cells[1:-1]).lower()
    assert [name for name in sorted(listed) if name.lower() not in mentioned] == []


def test_every_command_and_page_that_is_named_exists() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(_MAKE.findall(TEXT)) <= targets
    assert [page for page in _LINK.findall(TEXT) if not (ROOT / page).exists()] == []
