"""The images of this checkout, built once for all tests of this folder by ``build.sh``."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = sorted(file.parent.name for file in ROOT.glob("services/*/Dockerfile"))
BASE = "delinkcious-base:runtime"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests, which need an engine and the time to build."""
    for item in items:
        if item.nodeid.startswith("tests/images/"):
            item.add_marker(pytest.mark.containers)
            item.add_marker(pytest.mark.timeout(900))


def run(*command: str | Path, **options: Any) -> str:
    """Runs a command that must succeed, and returns what it prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    said: str = done.stdout
    return said


class Image:
    """An image that the engine has."""

    def __init__(self, name: str) -> None:
        self.name = name
        [self.said] = json.loads(run("docker", "image", "inspect", name))

    @property
    def config(self) -> dict[str, Any]:
        found: dict[str, Any] = self.said["Config"]
        return found

    @property
    def layers(self) -> list[str]:
        found: list[str] = self.said["RootFS"]["Layers"]
        return found

    def python(self, code: str) -> str:
        """Runs a line of Python in it, as hardened as it gets."""
        hardened = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
        command = ["docker", "run", "--rm", *hardened, "--user=10001", "--network=none"]
        return run(*command, "--entrypoint=python", self.name, "-c", code)


@pytest.fixture(scope="session")
def built() -> dict[str, str]:
    """The names of the images of all services."""
    assert shutil.which("docker"), "these tests need a Docker engine"
    run(ROOT / "build.sh")
    names = {}
    for line in run(ROOT / "build.sh", "--versions").splitlines():
        service, _, version = line.partition("_VERSION=")
        name = service.lower()
        names[name] = f"delinkcious/delinkcious-{name.replace('_', '-')}:{version}"
    return names


@pytest.fixture(params=SERVICES)
def image(built: dict[str, str], request: pytest.FixtureRequest) -> Image:
    """The image of each service in turn."""
    return Image(built[request.param])


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clean checkout of the commit, on the main branch."""
    folder = tmp_path / "clone"
    run("git", "clone", "--quiet", "--no-tags", f"file://{ROOT}", folder)
    run("git", "switch", "--quiet", "--force-create", "main", cwd=folder)
    return folder


@pytest.fixture
def throwaway() -> Iterator[list[str]]:
    """Names of images that are forgotten after the test."""
    names: list[str] = []
    yield names
    subprocess.run(["docker", "image", "rm", *names], capture_output=True, check=False)
