"""Pushing and promoting images, with a real registry that asks for a password."""

import json
import os
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from delinkcious.testing.images import pinned
from delinkcious.testing.waiting import wait_until

from .conftest import Image, run

USER = "ann"
PASSWORD = "correct horse"  # whose digest is:
HTPASSWD = f"{USER}:$2b$05$ygxna1BvS4CF73EBS0LPJONEYM/khHMBytg1joOxIqOud.CL7Z19q\n"


class Registry:
    """A registry on this machine, which engines take without TLS."""

    def __init__(self, port: str) -> None:
        self.address = f"127.0.0.1:{port}"
        self.prefix = f"{self.address}/me"

    def answers(self) -> bool:
        try:
            self.get("/v2/")
        except OSError as error:
            return "401" in str(error)
        return True

    def tags(self, name: str) -> set[str]:
        body = json.loads(self.get(f"/v2/me/{name}/tags/list"))
        return set(body["tags"])

    def get(self, path: str) -> bytes:
        secret = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        request = Request(
            f"http://{self.address}{path}", headers={"Authorization": f"Basic {secret}"}
        )
        with urlopen(request, timeout=10) as answer:
            content: bytes = answer.read()
            return content


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("registry")
    (folder / "htpasswd").write_text(HTPASSWD)
    settings = {
        "REGISTRY_AUTH": "htpasswd",
        "REGISTRY_AUTH_HTPASSWD_REALM": "tests",
        "REGISTRY_AUTH_HTPASSWD_PATH": "/auth/htpasswd",
    }
    options = [f"--env={name}={value}" for name, value in settings.items()]
    options += [f"--volume={folder}:/auth:ro", "--publish=127.0.0.1::5000", "--rm", "--detach"]
    container = run("docker", "run", *options, pinned("REGISTRY_IMAGE")).strip()
    try:
        published = run("docker", "port", container, "5000").splitlines()[0]
        registry = Registry(published.rpartition(":")[2])
        wait_until(registry.answers)
        yield registry
    finally:
        run("docker", "stop", container)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An engine's client that has logged in nowhere, with the plugins of this machine."""
    folder = tmp_path / "client"
    folder.mkdir()
    own = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "cli-plugins"
    if own.is_dir():
        (folder / "cli-plugins").symlink_to(own)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CIRCLE")}
    return {**kept, "DOCKER_CONFIG": str(folder), "REGISTRY_USER": USER, "BUILD_NUMBER": "7"}


def ship(
    script: Path, *arguments: str, password: str = PASSWORD, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [script, *arguments],
        input=f"{password}\n",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def commit(clone: Path, message: str) -> None:
    """Commits nothing, which is another revision all the same."""
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
    run("git", *who, "commit", "--quiet", "--allow-empty", "--message", message, cwd=clone)


def test_what_is_pushed_is_what_is_promoted(
    built: dict[str, str],
    clone: Path,
    registry: Registry,
    environment: dict[str, str],
    throwaway: list[str],
) -> None:
    """Also later, when the main branch has moved on; but not what was never pushed."""
    version = (clone / "services/link/VERSION").read_text().strip()
    image = f"{registry.prefix}/delinkcious-link"
    tags = (version, f"{version}.7", "production", f"{version}-production")
    throwaway += [f"{image}:{tag}" for tag in tags]

    pushed = ship(clone / "build.sh", "--push", "--prefix", registry.prefix, "link", **environment)
    assert pushed.returncode == 0, pushed.stderr
    assert pushed.stdout.endswith(f"pushed {image}:{version}.7 and {image}:{version}\n")
    assert registry.tags("delinkcious-link") == {version, f"{version}.7"}
    assert PASSWORD not in pushed.stdout + pushed.stderr

    run("git", "tag", f"link/{version}", cwd=clone)
    arguments = ["--prefix", registry.prefix, f"link/{version}"]
    promoted = ship(clone / "docker/promote.sh", *arguments, **environment)
    assert promoted.returncode == 0, promoted.stderr
    assert promoted.stdout == f"{image}:production is {version}\n"
    assert registry.tags("delinkcious-link") == set(tags)
    first = Image(f"{image}:production").said["Id"]
    assert first == Image(f"{image}:{version}.7").said["Id"]

    commit(clone, "Later")
    pushed = ship(clone / "build.sh", "--push", "--prefix", registry.prefix, "link", **environment)
    assert pushed.returncode == 0, pushed.stderr
    assert Image(f"{image}:{version}").said["Id"] != first
    again = ship(clone / "docker/promote.sh", *arguments, **environment)
    assert again.returncode == 0, again.stderr
    assert Image(f"{image}:production").said["Id"] == first

    commit(clone, "Never pushed")
    run("git", "tag", "--force", f"link/{version}", cwd=clone)
    refused = ship(clone / "docker/promote.sh", "--wait", "0", *arguments, **environment)
    assert refused.returncode == 1
    assert f"{image}:{version} of link/{version} is not there after 0 s" in refused.stderr


def test_what_was_never_pushed_is_waited_for(
    clone: Path, registry: Registry, environment: dict[str, str]
) -> None:
    run("git", "tag", "news/9.9.9", cwd=clone)
    arguments = ["--wait", "0", "--prefix", registry.prefix, "news/9.9.9"]
    done = ship(clone / "docker/promote.sh", *arguments, **environment)
    assert done.returncode == 1
    assert done.stderr.endswith("of news/9.9.9 is not there after 0 s\n")


@pytest.mark.parametrize("password", ["wrong", ""])
def test_a_wrong_password_is_said_to_be_wrong(
    clone: Path, registry: Registry, environment: dict[str, str], password: str
) -> None:
    done = ship(
        clone / "build.sh",
        *("--push", "--prefix", registry.prefix, "link"),
        password=password,
        **environment,
    )
    assert (done.returncode, done.stdout) == (1, "")
    complaint = f"logging in to {registry.address} as {USER} failed: " if password else "is empty"
    assert complaint in done.stderr
    assert not password or password not in done.stderr


def test_a_registry_that_is_not_there_is_named(clone: Path, environment: dict[str, str]) -> None:
    nowhere = "127.0.0.1:1/me"
    done = ship(clone / "build.sh", "--push", "--prefix", nowhere, "link", **environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"logging in to 127.0.0.1:1 as {USER} failed: " in done.stderr


def test_what_is_not_committed_is_not_pushed(
    clone: Path, registry: Registry, environment: dict[str, str]
) -> None:
    (clone / "services/link/link_service/new.py").write_text("")
    done = ship(clone / "build.sh", "--push", "--prefix", registry.prefix, "link", **environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert "what is not committed is not pushed" in done.stderr
