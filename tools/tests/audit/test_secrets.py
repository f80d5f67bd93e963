"""Secrets in a repository are found, wherever they are and were; none is ever shown."""

import secrets
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from delinkcious.object_model.users import FEED_SECRET_PREFIX, TokenKind
from tools.audit.outcome import Outcome
from tools.audit.secrets import ACCEPTED, ScanFailed, look_for_secrets

OURS = "delinkcious.token"

Commit = Callable[[str, str], None]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    return tmp_path


@pytest.fixture
def commit(repository: Path) -> Commit:
    """Commits a file with this content."""
    git = ["git", "-C", str(repository), "-c", "user.name=Ann", "-c", "user.email=ann@localhost"]

    def write(name: str, content: str) -> None:
        (repository / name).write_text(content)
        subprocess.run([*git, "add", name], check=True)
        subprocess.run([*git, "commit", "--quiet", "--message", name], check=True)

    return write


def test_a_token_is_found_though_a_later_commit_took_it_out(
    repository: Path, commit: Commit
) -> None:
    token = f"{TokenKind.API_TOKEN}{secrets.token_urlsafe(32)}"
    commit("settings.py", f"import os\nTOKEN = '{token}'\n")
    commit("settings.py", "import os\nTOKEN = os.environ['TOKEN']\n")
    report = look_for_secrets(repository, OURS)
    assert report.outcome is Outcome.FOUND
    assert report.lines[0].startswith("secrets: settings.py:2 in commit ")
    assert token not in "".join(report.lines)


def test_each_kind_of_token_is_known_before_it_is_committed(
    repository: Path, commit: Commit
) -> None:
    commit("README", "Nothing to see.\n")
    tokens = [f"{prefix}{secrets.token_urlsafe(32)}" for prefix in (*TokenKind, FEED_SECRET_PREFIX)]
    (repository / "notes.txt").write_text("".join(f"curl -H 'x: {token}'\n" for token in tokens))
    found = look_for_secrets(repository, OURS).lines[:3]
    assert [line.partition(" (")[0] for line in sorted(found)] == [
        f"secrets: notes.txt:{number}: {OURS}" for number in (1, 2, 3)
    ]


def test_what_is_accepted_and_what_is_ignored_is_not_reported(
    repository: Path, commit: Commit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commit(".gitignore", ".local/\n*.accepted\n")
    (repository / ".local").mkdir()
    (repository / ".local" / "token").write_text(f"dls_{secrets.token_urlsafe(32)}\n")
    commit("example.txt", f"dls_{secrets.token_urlsafe(32)}\n")
    (found, *_) = look_for_secrets(repository, OURS).lines
    fingerprint = found.rpartition(" ")[2].rstrip(")")
    accepted = tmp_path / "our.accepted"
    accepted.write_text(f'"{fingerprint}": made up\n')
    monkeypatch.setattr("tools.audit.secrets.ACCEPTED", accepted)
    report = look_for_secrets(repository, OURS)
    assert (report.outcome, *report.lines) == (
        Outcome.CLEAN,
        "secrets: none in 2 commits and 2 files",
    )


def test_a_folder_without_history_is_an_error_and_not_clean(tmp_path: Path) -> None:
    with pytest.raises(ScanFailed, match="not a git repository"):
        look_for_secrets(tmp_path, OURS)


def test_everything_that_is_accepted_has_a_reason() -> None:
    accepted = yaml.safe_load(ACCEPTED.read_text())
    assert all(isinstance(key, str) and len(reason) > 20 for key, reason in accepted.items())
