"""What may change while the social graph service runs."""

import pytest

from delinkcious.errors import FailedPrecondition
from social_graph_service.config import SocialGraphSettings
from social_graph_service.live import Features, LiveSocialGraphSettings, live_settings
from social_graph_service.manager import SocialGraphManager
from social_graph_service.memory import InMemoryFollowStore


def test_the_environment_holds_as_long_as_no_file_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    live = live_settings(SocialGraphSettings.load())
    assert live == LiveSocialGraphSettings(log_level="ERROR", features=Features(following=True))


def test_without_following_one_can_still_leave(memory: InMemoryFollowStore) -> None:
    now = Features()
    manager = SocialGraphManager(memory, lambda: now)
    manager.follow("alice", "bob")
    now = Features(following=False)
    with pytest.raises(FailedPrecondition, match="at the moment"):
        manager.follow("alice", "carol")
    manager.unfollow("alice", "bob")
    assert manager.get_followers("alice").usernames == ()
    now = Features()
    manager.follow("alice", "carol")
    assert manager.get_followers("alice").usernames == ("carol",)
