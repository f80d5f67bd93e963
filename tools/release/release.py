"""Releasing one service: what git is asked, and the one commit that is made."""

import subprocess
from datetime import date
from pathlib import Path
from typing import Final

from tools.release.version import Version

_SHARED: Final = ("shared", "proto", "docker/base", "docker/images.env")
_HEADING: Final = "# Changelog of {service}\n\nMade by `make release`; newest first.\n"
MAIN: Final = "main"


class ReleaseError(Exception):
    """It cannot be released; the message is one line that says why."""


class Repository:
    """What is asked of git, and told to it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *arguments: str) -> str:
        """Returns what git prints.

        Raises:
            ReleaseError: it failed.
        """
        done = subprocess.run(
            ["git", "-C", str(self.root), *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ReleaseError(f"git {arguments[0]}: {done.stderr.strip()}")
        return done.stdout.strip()

    def services(self) -> list[str]:
        """Returns the services that have versions."""
        return sorted(file.parent.name for file in self.root.glob("services/*/VERSION"))

    def changes(self, service: str, since: Version) -> list[str]:
        """Returns what the commits since a release say that touch what the service is made of."""
        tag = f"{service}/{since}"
        begin = [f"{tag}.."] if self.git("tag", "--list", tag) else []
        paths = [f"services/{service}", f"requirements/{service}.txt", *_SHARED]
        log = self.git("log", "--format=%s", "--no-merges", *begin, "--", *paths)
        return log.splitlines()

    def check(self) -> None:
        """Raises `ReleaseError` unless what is here can be released."""
        if self.git("status", "--porcelain"):
            raise ReleaseError("there are changes that are not committed: commit or stash them")
        branch = self.git("rev-parse", "--abbrev-ref", "HEAD")
        if branch != MAIN:
            raise ReleaseError(f"releases are made on {MAIN}, this is {branch}")


def release(repository: Repository, service: str, part: str, day: date) -> str:
    """Commits and tags a release, and returns its tag.

    Raises:
        ReleaseError: there is no such service, nothing is new in it, or this is not the place.
    """
    if service not in repository.services():
        known = ", ".join(repository.services())
        raise ReleaseError(f"there is no service {service!r}, only {known}")
    repository.check()
    folder = repository.root / "services" / service
    before = Version.parse((folder / "VERSION").read_text())
    after = before.raised(part)
    changes = repository.changes(service, before)
    if not changes:
        raise ReleaseError(f"nothing of {service} has changed since {before}")
    (folder / "VERSION").write_text(f"{after}\n")
    _write_changelog(folder / "CHANGELOG.md", service, after, changes, day)
    tag = f"{service}/{after}"
    repository.git("add", f"services/{service}/VERSION", f"services/{service}/CHANGELOG.md")
    repository.git("commit", "--quiet", "--message", f"Release {service} {after}")
    repository.git("tag", "--annotate", tag, "--message", f"{service} {after}")
    return tag


def _write_changelog(
    file: Path, service: str, version: Version, changes: list[str], day: date
) -> None:
    heading = _HEADING.format(service=service)
    older = file.read_text().removeprefix(heading) if file.exists() else ""
    lines = "".join(f"- {change}\n" for change in changes)
    file.write_text(f"{heading}\n## {version} ({day})\n\n{lines}{older}")
