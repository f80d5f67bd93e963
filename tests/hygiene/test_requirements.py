"""What is installed is what was locked: one version of each, known by its hash."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKED = sorted((ROOT / "requirements").glob("*.txt"))
SERVICES = sorted(path.parent for path in (ROOT / "services").glob("*/pyproject.toml"))

_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Line:
    """One requirement of a file, with its options."""

    text: str

    @property
    def requirement(self) -> Requirement:
        return Requirement(self.text.partition("--hash")[0])

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def pin(self) -> str:
        """The version; with what it is for, where there is one for each platform."""
        return f"{self.name}{self.requirement.specifier}"


def lines(path: Path) -> Iterator[Line]:
    for line in path.read_text().replace("\\\n", " ").splitlines():
        if line.strip():
            yield Line(line)


def declared(folder: Path) -> Iterator[Requirement]:
    """What a package says that it needs."""
    project: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    yield from map(Requirement, project["dependencies"])


@pytest.mark.parametrize("path", LOCKED, ids=lambda path: path.stem)
def test_every_requirement_has_one_version_and_its_hashes(path: Path) -> None:
    for line in lines(path):
        assert re.fullmatch(r"==[^*]+", str(line.requirement.specifier)), line.pin
        assert line.requirement.url is None, line.pin
        assert _HASH.search(line.text), line.pin
        assert not _HASH.sub("", line.text).count("--"), f"{line.pin} has other options"


@pytest.mark.parametrize("path", LOCKED, ids=lambda path: path.stem)
def test_a_service_ships_what_is_tested(path: Path) -> None:
    """All files come from one resolution."""
    tested = {line.pin for line in lines(ROOT / "requirements" / "dev.txt")}
    assert {line.pin for line in lines(path)} <= tested


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_the_lock_of_a_service_has_all_that_it_declares(service: Path) -> None:
    locked = {line.name for line in lines(ROOT / "requirements" / f"{service.name}.txt")}
    needed = {canonicalize_name(each.name) for each in declared(service)} - {"delinkcious"}
    assert needed <= locked


def test_what_developers_need_is_locked() -> None:
    locked = {line.name for line in lines(ROOT / "requirements" / "dev.txt")}
    assert {canonicalize_name(each.name) for each in declared(ROOT)} <= locked


def test_nothing_is_installed_without_its_hash() -> None:
    """But for our own packages, which have no requirements left to fetch then. (The images in
    `docker/offline` stand in for those of a registry, and are never shipped.)
    """
    patterns = ("Makefile", ".ci/*", "docker/base/*", "services/*/Dockerfile*")
    commands = [
        command
        for pattern in patterns
        for path in ROOT.glob(pattern)
        for command in path.read_text().replace("\\\n", " ").splitlines()
        if re.search(r"\bpip3? install\s", command)
    ]
    assert commands
    unsafe = [each for each in commands if not re.search(r"--require-hashes|--no-deps", each)]
    assert unsafe == []
