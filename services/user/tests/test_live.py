"""What may change while the user service runs."""

from dataclasses import replace

import pytest

from delinkcious.errors import FailedPrecondition
from delinkcious.object_model.users import GitHubIdentity
from user_service.config import UserSettings
from user_service.live import Features, LiveUserSettings, live_settings
from user_service.manager import UserManager
from user_service.memory import InMemoryUserStore

from .conftest import LIFETIME

ALICE = GitHubIdentity(1, "alice", "Alice", "alice@example.com")
BOB = GitHubIdentity(2, "bob", "Bob", "bob@example.com")


def test_the_environment_holds_as_long_as_no_file_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    live = live_settings(UserSettings.load())
    assert live == LiveUserSettings(log_level="ERROR", features=Features(registration=True))


def test_without_registration_only_who_has_an_account_comes_in(memory: InMemoryUserStore) -> None:
    now = Features()
    manager = UserManager(memory, LIFETIME, features=lambda: now)
    manager.register(ALICE)
    now = Features(registration=False)
    assert manager.register(replace(ALICE, name="Alice A.")).name == "Alice A."
    with pytest.raises(FailedPrecondition, match="No new accounts"):
        manager.register(BOB)
    now = Features()
    assert manager.register(BOB).username == "bob"
