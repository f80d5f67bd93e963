"""The secrets of news feeds, on the store in memory, on Postgres, and over HTTP."""

import pytest

from delinkcious.errors import NotFound, Unauthenticated
from delinkcious.object_model.users import GitHubIdentity, is_feed_secret, kind_of_token
from delinkcious.object_model.users import UserManager as Manager

from .conftest import Clock


@pytest.fixture(autouse=True)
def accounts(manager: Manager) -> None:
    for number, login in enumerate(("alice", "bob")):
        manager.register(GitHubIdentity(1001 + number, login, "", ""))


def opens(manager: Manager, secret: str) -> str | None:
    try:
        return manager.get_feed_owner(secret).username
    except NotFound:
        return None


def test_a_secret_opens_the_feed_of_its_owner(manager: Manager, clock: Clock) -> None:
    made = manager.create_feed_secret("alice")
    manager.create_feed_secret("bob")
    assert is_feed_secret(made.secret)
    assert made.created_at == clock.now
    assert manager.get_feed_owner(made.secret) == manager.get_user("alice")


def test_a_new_secret_revokes_the_one_before(manager: Manager, clock: Clock) -> None:
    old = manager.create_feed_secret("alice").secret
    clock.turn(days=1)
    new = manager.create_feed_secret("alice")
    assert manager.get_feed_secret_time("alice") == new.created_at == clock.now
    assert [opens(manager, secret) for secret in (old, new.secret)] == [None, "alice"]


def test_a_revoked_secret_opens_nothing_and_is_revoked_once(manager: Manager) -> None:
    hers, his = (manager.create_feed_secret(name).secret for name in ("alice", "bob"))
    manager.revoke_feed_secret("alice")
    assert [opens(manager, secret) for secret in (hers, his)] == [None, "bob"]
    assert manager.get_feed_secret_time("alice") is None
    with pytest.raises(NotFound):
        manager.revoke_feed_secret("alice")


def test_nobody_has_a_secret_who_did_not_make_one(manager: Manager) -> None:
    for name in ("alice", "carol"):
        assert manager.get_feed_secret_time(name) is None
        with pytest.raises(NotFound):
            manager.revoke_feed_secret(name)


def test_nobody_makes_a_secret_without_an_account(manager: Manager) -> None:
    with pytest.raises(NotFound) as caught:
        manager.create_feed_secret("carol")
    assert caught.value.violations[0].field == "username"


@pytest.mark.parametrize("secret", ["", "x", "dlf_" + "a" * 43, "é", "a b", "\x00", "\ud800"])
def test_a_secret_that_was_never_made_opens_nothing(manager: Manager, secret: str) -> None:
    assert opens(manager, secret) is None


def test_secrets_and_tokens_do_not_pass_for_each_other(manager: Manager) -> None:
    secret = manager.create_feed_secret("alice").secret
    assert kind_of_token(secret) is None
    for given in (secret, "dlt_" + secret[4:], "dls_" + secret[4:]):
        with pytest.raises(Unauthenticated):
            manager.authenticate(given)
    for token in (manager.login("alice").access_token, manager.create_token("alice", "t").token):
        assert opens(manager, token) is None
        assert opens(manager, "dlf_" + token[4:]) is None


def test_no_traceback_shows_a_secret(manager: Manager) -> None:
    made = manager.create_feed_secret("alice")
    assert made.secret not in repr(made)
