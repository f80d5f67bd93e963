"""What is in our images, and what is not."""

import json
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import IO, cast

from delinkcious.testing.images import pinned

from .conftest import BASE, ROOT, Image, run

MEGABYTE = 1_000_000

# Compilers and build tools, pip and its kin, what they cache, and tests.
UNWANTED = re.compile(
    r"""
    ^usr/(local/)?s?bin/(.*-)?(gcc|g\+\+|cc|c\+\+|clang|ld|as|make|cmake|cargo|rustc|pip\d?.*|uv|git|curl|wget)$
    | /(pip|setuptools|wheel|hatchling|ensurepip)/__init__\.py$
    | ^root/\.cache/ | ^var/lib/apt/lists/. | ^var/cache/apt/.+\.deb$
    | ^opt/.*/(tests?|testing)/ | ^opt/code/.*/test_[^/]*\.py | ^opt/code/delinkcious/testing
    | ^opt/.*\.(whl|tar\.gz)$ | ^build/. | ^tmp/.
    """,
    re.VERBOSE,
)

# What the engine itself puts into a container.
ENGINES = re.compile(
    r"^(\.dockerenv|dev/.*|etc/(hostname|hosts|resolv\.conf|mtab)|proc/.*|sys/.*)$"
)

DESCRIBE = """
import json
from delinkcious.info import describe
print(json.dumps(describe("x", "serve")))
"""

TOUCHED = {"dev", "etc", "proc", "sys"}


def files(image: str) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """What a container of an image begins with: entries and their content."""
    container = run("docker", "create", image).strip()
    try:
        with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as export:
            archive = cast("IO[bytes]", export.stdout)
            with tarfile.open(fileobj=archive, mode="r|") as entries:
                for entry in entries:
                    if not ENGINES.match(entry.name):
                        content = entries.extractfile(entry) if entry.isfile() else None
                        yield entry, content.read() if content else b""
    finally:
        run("docker", "rm", container)


def test_nothing_is_in_it_that_only_building_needs(image: Image) -> None:
    assert [entry.name for entry, _ in files(image.name) if UNWANTED.search(entry.name)] == []


def test_nobody_but_root_could_change_it(image: Image) -> None:
    """A process that somebody has taken over finds nothing to write to."""
    ours = [entry for entry, _ in files(image.name) if entry.name.startswith("opt/")]
    assert ours
    open_ones = [entry for entry in ours if entry.mode & 0o022 and not entry.issym()]
    assert [entry.name for entry in ours if entry.uid] == []
    assert [entry.name for entry in open_ones] == []


def test_it_runs_as_nobody_and_takes_signals_itself(image: Image) -> None:
    config = image.config
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"][:2] == ["python", "-m"]
    assert config["Cmd"] == ["serve"]
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"] == ["CMD", "healthcheck"]


def test_the_roles_are_commands_of_one_image(image: Image) -> None:
    [_, _, package] = image.config["Entrypoint"]
    hardened = ["--read-only", "--cap-drop=ALL", "--network=none"]
    said = run("docker", "run", "--rm", *hardened, image.name, "--help")
    assert re.search(r"^ +serve ", said, re.MULTILINE)
    if package != "api_gateway":
        assert re.search(r"^ +work ", said, re.MULTILINE)


def test_its_labels_are_what_info_says(image: Image) -> None:
    said = json.loads(image.python(DESCRIBE))
    labels = {
        name.removeprefix("org.opencontainers.image."): value
        for name, value in image.config["Labels"].items()
    }
    assert labels["revision"].startswith(run("git", "-C", ROOT, "rev-parse", "HEAD").strip())
    assert said["revision"] == labels["revision"]
    assert said["version"] == labels["version"] == image.name.rpartition(":")[2]
    assert said["build_time"] == labels["created"]
    assert said["source"] == labels["source"]
    assert labels["title"] == image.name.rpartition("/")[2].partition(":")[0]


def test_it_adds_little_to_the_base(image: Image) -> None:
    assert image.said["Size"] - Image(BASE).said["Size"] < 120 * MEGABYTE


def test_the_same_commit_gives_the_same_layers(built: dict[str, str], throwaway: list[str]) -> None:
    """Building without any cache, some time later, gives the same digests."""
    again = "delinkcious-test/link:again"
    throwaway.append(again)
    file = ROOT / "services/link/Dockerfile"
    run("docker", "build", "--quiet", "--no-cache", "--file", file, "--tag", again, ROOT)
    assert Image(again).layers == Image(built["link"]).layers


def test_the_same_commit_gives_the_same_base(built: dict[str, str], throwaway: list[str]) -> None:
    """Content, owners, modes and times; the layer itself says when each file was deleted, too."""
    again = "delinkcious-test/base:again"
    throwaway.append(again)
    options = ["--no-cache", "--target=runtime", f"--build-arg=PYTHON={pinned('PYTHON_IMAGE')}"]
    run("docker", "build", "--quiet", *options, "--tag", again, ROOT / "docker/base")

    def facts(entry: tarfile.TarInfo) -> tuple[object, ...]:
        owner = (entry.mode, entry.uid, entry.gid)
        return (entry.name, entry.type, *owner, entry.mtime, entry.linkname)

    def content(name: str) -> set[tuple[object, ...]]:
        return {
            (*facts(entry), sha256(data).hexdigest())
            for entry, data in files(name)
            if entry.name not in TOUCHED
        }

    assert content(again) == content(BASE)


def test_a_change_of_code_builds_one_layer_anew(
    built: dict[str, str], tmp_path: Path, throwaway: list[str]
) -> None:
    """What takes long, the requirements, is not touched."""
    changed = "delinkcious-test/link:changed"
    throwaway.append(changed)
    for part in ("shared", "services/link", "requirements"):
        shutil.copytree(ROOT / part, tmp_path / part)
    shutil.copy(ROOT / ".dockerignore", tmp_path)
    (tmp_path / "services/link/link_service/changed.py").write_text("")
    file = tmp_path / "services/link/Dockerfile"
    run("docker", "build", "--quiet", "--file", file, "--tag", changed, tmp_path)
    before, after = Image(built["link"]).layers, Image(changed).layers
    assert before[:-1] == after[:-1]
    assert before[-1] != after[-1]
