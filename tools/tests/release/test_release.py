"""Releases, in a repository of their own."""

from datetime import date
from pathlib import Path

import pytest

from tools.release.release import ReleaseError, Repository, release

DAY = date(2026, 1, 2)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Two services, of which one was just made."""
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ann")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ann@example.com")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    repository = Repository(tmp_path)
    repository.git("init", "--quiet", "--initial-branch", "main")
    for service in ("link", "user"):
        change(repository, f"services/{service}/VERSION", "0.1.0\n", f"Begin {service}")
    return repository


def change(repository: Repository, path: str, content: str, subject: str) -> None:
    file = repository.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    repository.git("add", path)
    repository.git("commit", "--quiet", "--message", subject)


def test_it_raises_the_version_says_what_is_new_and_tags(repository: Repository) -> None:
    change(repository, "services/link/a.py", "1", "Find links")
    change(repository, "services/user/a.py", "1", "Find users")
    change(repository, "shared/a.py", "1", "Find everything")
    assert release(repository, "link", "minor", DAY) == "link/0.2.0"
    folder = repository.root / "services/link"
    assert (folder / "VERSION").read_text() == "0.2.0\n"
    assert (folder / "CHANGELOG.md").read_text() == (
        "# Changelog of link\n\nMade by `make release`; newest first.\n\n"
        "## 0.2.0 (2026-01-02)\n\n- Find everything\n- Find links\n- Begin link\n"
    )
    assert repository.git("log", "-1", "--format=%s") == "Release link 0.2.0"
    assert repository.git("rev-parse", "link/0.2.0^{commit}") == repository.git("rev-parse", "HEAD")
    assert repository.git("status", "--porcelain") == ""


def test_the_next_one_says_only_what_is_new_since(repository: Repository) -> None:
    release(repository, "link", "minor", DAY)
    change(repository, "shared/a.py", "1", "Find everything")
    release(repository, "link", "patch", DAY)
    changelog = (repository.root / "services/link/CHANGELOG.md").read_text()
    news = changelog.split("## ")[1]
    assert news == "0.2.1 (2026-01-02)\n\n- Find everything\n\n"
    assert changelog.count("# Changelog") == 1
    assert "## 0.2.0" in changelog


def test_nothing_new_is_no_release(repository: Repository) -> None:
    release(repository, "link", "minor", DAY)
    change(repository, "services/user/a.py", "1", "Find users")
    with pytest.raises(ReleaseError, match=r"nothing of link has changed since 0\.2\.0"):
        release(repository, "link", "patch", DAY)


def test_what_is_not_committed_is_not_released(repository: Repository) -> None:
    (repository.root / "services/link/b.py").write_text("2")
    with pytest.raises(ReleaseError, match="not committed"):
        release(repository, "link", "patch", DAY)


def test_a_branch_is_not_released(repository: Repository) -> None:
    repository.git("switch", "--quiet", "--create", "feature")
    with pytest.raises(ReleaseError, match="releases are made on main, this is feature"):
        release(repository, "link", "patch", DAY)


def test_only_what_is_there_is_released(repository: Repository) -> None:
    with pytest.raises(ReleaseError, match="no service 'news', only link, user"):
        release(repository, "news", "patch", DAY)
