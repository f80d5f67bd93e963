"""Secrets in the repository: in every commit of it, and in the files as they are now.

Kingfisher looks, with its own rules and ours (`rules.yaml`). It asks nobody whether a secret is
still valid, and needs no network; what it finds is not shown. What opens nothing is in
`accepted.yaml` with the reason, by a fingerprint that is the same wherever and whenever it stands.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tools.audit.outcome import Outcome, Report

_HERE = Path(__file__).parent
RULES = _HERE / "rules.yaml"
ACCEPTED = _HERE / "accepted.yaml"

_FOUND_NOTHING, _FOUND_SOMETHING = 0, 200
_ADVICE = """
A secret that was committed is known to everybody who has the repository: replace it where it is
used, first of all; then take it out. If it is none, add its fingerprint and the reason to
tools/audit/accepted.yaml.
""".strip().splitlines()


class ScanFailed(RuntimeError):
    """The scanner did not do its work; the message is the first line of why."""


@dataclass(frozen=True)
class Secret:
    """Where something looks like a secret; never what it is."""

    rule: str
    path: str
    line: int
    commit: str
    fingerprint: str

    def __str__(self) -> str:
        commit = f" in commit {self.commit[:10]}" if self.commit else ""
        return f"{self.path}:{self.line}{commit}: {self.rule} (fingerprint {self.fingerprint})"


def look_for_secrets(root: Path, *rules: str) -> Report:
    """Scan a git repository: all its history, and what is in its folder and not ignored.

    Args:
        rules: the ids of those of our rules to look with, and no others.

    Raises:
        ScanFailed
    """
    accepted: Mapping[str, str] = yaml.safe_load(ACCEPTED.read_text())
    folder = _git(root, "rev-parse", "--path-format=absolute", "--git-common-dir").strip()
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    files = [path for path in listed if (root / path).is_file()]
    found = _unaccepted([*_scan(root, [folder], rules), *_scan(root, files, rules)], accepted)
    if found:
        return Report(Outcome.FOUND, [f"secrets: {secret}" for secret in found] + _ADVICE)
    commits = _git(root, "rev-list", "--all", "--count").strip()
    shallow = _git(root, "rev-parse", "--is-shallow-repository").strip() == "true"
    missing = "; the clone is shallow, so older commits were not looked at" if shallow else ""
    line = f"secrets: none in {commits} commits and {len(files)} files{missing}"
    return Report(Outcome.CLEAN, [line])


def _scan(root: Path, paths: Sequence[str], rules: Sequence[str]) -> list[Secret]:
    command = [
        *(str(Path(sys.executable).with_name("kingfisher")), "scan", *paths),
        *("--rules-path", str(RULES), "--no-validate", "--no-update-check"),
        *("--quiet", "--format", "json"),
        *(part for rule in rules for part in ("--load-builtins", "false", "--rule", rule)),
    ]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode not in {_FOUND_NOTHING, _FOUND_SOMETHING}:
        raise ScanFailed((done.stderr.strip() or "no reason given").splitlines()[0])
    return [_secret(finding) for finding in json.loads(done.stdout)["findings"]]


def _secret(finding: Mapping[str, Any]) -> Secret:
    where = finding["finding"]
    rule = finding["rule"]["id"]
    commit = where.get("git_metadata", {}).get("commit", {}).get("id", "")
    fingerprint = hashlib.sha256(f"{rule} {where['snippet']}".encode()).hexdigest()[:16]
    return Secret(rule, where["path"], where["line"], commit, fingerprint)


def _unaccepted(secrets: Iterable[Secret], accepted: Mapping[str, str]) -> list[Secret]:
    """Once each: what is in a commit and still in the folder is found twice."""
    found: dict[str, Secret] = {}
    for secret in secrets:
        if secret.fingerprint not in accepted:
            found.setdefault(secret.fingerprint, secret)
    return list(found.values())


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ScanFailed(f"{root} is not a git repository: {done.stderr.strip()}")
    return done.stdout
