"""What a process says of itself."""

import os
from datetime import UTC, datetime

import pytest

from delinkcious.info import describe, version_of


def test_it_says_what_runs_where_and_since_when(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_REVISION", "abc1234")
    monkeypatch.setenv("BUILD_TIME", "2026-01-01T00:00:00Z")
    info = describe("link-manager", "serve")
    assert (info["name"], info["role"], info["revision"], info["build_time"]) == (
        "link-manager",
        "serve",
        "abc1234",
        "2026-01-01T00:00:00Z",
    )
    assert info["version"] == version_of("link-manager") != "unknown"
    assert info["instance"].endswith(f":{os.getpid()}")
    started = datetime.fromisoformat(info["started_at"])
    assert abs((datetime.now(UTC) - started).total_seconds()) < 60


def test_what_is_not_known_is_said_to_be_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IMAGE_VERSION", "GIT_REVISION", "GIT_SOURCE", "BUILD_TIME"):
        monkeypatch.delenv(name, raising=False)
    info = describe("no-such-service", "serve")
    assert info["version"] == info["revision"] == info["build_time"] == "unknown"
    assert info["source"] == "unknown"


def test_an_image_says_which_version_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a branch has its name behind the package's version."""
    monkeypatch.setenv("IMAGE_VERSION", "0.1.4-myfeature")
    monkeypatch.setenv("GIT_SOURCE", "https://example.com/delinkcious")
    info = describe("link-manager", "serve")
    assert info["version"] == "0.1.4-myfeature"
    assert info["source"] == "https://example.com/delinkcious"
