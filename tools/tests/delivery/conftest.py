"""A repository of two services, with the real `build.sh`."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


class Checkout:
    """A clone to change things in."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, *paths: str) -> str:
        """Changes files, and returns the revision before."""
        before = self.git("rev-parse", "HEAD")
        for path in paths:
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{file.read_text() if file.exists() else ''}more\n")
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "Change")
        return before

    def build(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs `build.sh` from elsewhere."""
        return self.run("build.sh", *arguments, **environment)

    def run(
        self, script: str, *arguments: str, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs a script of the repository from elsewhere, with nothing on standard input."""
        return subprocess.run(
            [self.root / script, *arguments],
            cwd="/",
            env={"PATH": environment.pop("PATH", "/usr/bin:/bin"), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository as it is when a test begins, to be copied."""
    root = tmp_path_factory.mktemp("begun")
    for service in ("link", "social_graph"):
        folder = root / "services" / service
        folder.mkdir(parents=True)
        (folder / "VERSION").write_text("0.1.4\n")
        (folder / "Dockerfile").write_text("FROM scratch\n")
    shutil.copy(ROOT / "build.sh", root)
    (root / "docker").mkdir()
    shutil.copy(ROOT / "docker/login.sh", root / "docker")
    shutil.copy(ROOT / "docker/promote.sh", root / "docker")
    with pytest.MonkeyPatch.context() as environment:
        _name_author(environment)
        checkout = Checkout(root)
        # Without samples of hooks: most of what there would be to copy
        checkout.git("init", "--quiet", "--initial-branch", "main", "--template", "")
        checkout.git("add", ".")
        checkout.git("commit", "--quiet", "--message", "Begin")
    return root


@pytest.fixture
def checkout(begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    _name_author(monkeypatch)
    return Checkout(shutil.copytree(begun, tmp_path / "checkout"))


def _name_author(environment: pytest.MonkeyPatch) -> None:
    for who in ("AUTHOR", "COMMITTER"):
        environment.setenv(f"GIT_{who}_NAME", "Ann")
        environment.setenv(f"GIT_{who}_EMAIL", "ann@example.com")
    environment.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
