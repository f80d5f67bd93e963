"""What the service itself tells the audit trail: with each change, in its transaction."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from delinkcious.audit import Origin
from delinkcious.clients.users import UserClient
from delinkcious.errors import AlreadyExists, NotFound
from delinkcious.http.client import HttpClient
from delinkcious.object_model.users import GitHubIdentity
from delinkcious.object_model.users import UserManager as Manager
from delinkcious.testing.peers import auth_for, token_of
from delinkcious.testing.serving import serving
from user_service.audit_http import origin
from user_service.http import create_user_app
from user_service.manager import UserManager
from user_service.memory import InMemoryUserStore

from .conftest import GATEWAY, LIFETIME, Published, Whereabouts

ALICE = GitHubIdentity(1001, "Alice", "Alice A.", "alice@example.com")
HOME = Origin.of("203.0.113.7", "Firefox", "session 12")

Told = Callable[[], Mapping[str, Any]]


@pytest.fixture(autouse=True)
def _at_home(manager: Manager, whereabouts: Whereabouts) -> None:
    whereabouts.now = HOME
    manager.register(ALICE)


@pytest.fixture
def told(recorded: Published) -> Told:
    """What was told last, but for what is always the same."""

    def last() -> Mapping[str, Any]:
        entry = recorded()[-1]
        assert entry.key == "alice"
        data = dict(entry.data)
        assert (data.pop("username"), data.pop("github_id")) == ("alice", None)
        assert (data.pop("address"), data.pop("user_agent")) == ("203.0.113.7", "Firefox")
        assert (data["details"].pop("by"), data.pop("outcome")) == ("session 12", "success")
        return data

    return last


def deed(action: str, token: tuple[int, str] | None = None, **details: Any) -> Mapping[str, Any]:
    token_id, token_name = token or (None, None)
    named = {"token_id": token_id, "token_name": token_name}
    return {"action": action, **named, "details": details}


def test_a_new_account_is_told_and_an_old_one_is_not(
    manager: Manager, told: Told, recorded: Published
) -> None:
    assert told() == deed("account_created")
    manager.register(ALICE)
    assert len(recorded()) == 1


def test_a_login_is_told_with_its_session(manager: Manager, told: Told) -> None:
    manager.login("alice")
    [session] = manager.get_sessions("alice")
    assert told() == deed("logged_in", session_id=session.id)


def test_a_logout_is_told_once(manager: Manager, told: Told, recorded: Published) -> None:
    token = manager.login("alice").access_token
    for _ in range(2):
        manager.logout(token)
    assert told() == deed("logged_out")
    assert len(recorded()) == 3


def test_sessions_that_are_ended_are_told(manager: Manager, told: Told) -> None:
    for _ in range(3):
        manager.login("alice")
    first, second, _ = manager.get_sessions("alice")
    manager.revoke_session("alice", first.id)
    assert told() == deed("session_revoked", session_id=first.id)
    manager.revoke_sessions("alice", keep=second.id)
    assert told() == deed("sessions_revoked", count=1)


def test_a_token_is_told_with_its_name_and_never_with_its_secret(
    manager: Manager, told: Told, recorded: Published
) -> None:
    made = manager.create_token("alice", "backup", ("news", "links:read"))
    token = (made.details.id, "backup")
    assert told() == deed("token_created", token, scopes="links:read news")
    manager.revoke_token("alice", made.details.id)
    assert told() == deed("token_revoked", token)
    assert made.token not in repr(recorded())


def test_each_of_many_tokens_that_are_revoked_is_told(
    manager: Manager, recorded: Published
) -> None:
    for name in ("a", "b"):
        manager.create_token("alice", name)
    manager.revoke_tokens("alice")
    revoked = [e.data["token_name"] for e in recorded() if e.data["action"] == "token_revoked"]
    assert sorted(revoked) == ["a", "b"]


def test_secret_addresses_of_feeds_are_told_without_the_secret(
    manager: Manager, told: Told, recorded: Published
) -> None:
    secret = manager.create_feed_secret("alice").secret
    assert told() == deed("feed_secret_created")
    manager.revoke_feed_secret("alice")
    assert told() == deed("feed_secret_revoked")
    assert secret not in repr(recorded())


def test_what_fails_is_not_told(manager: Manager, recorded: Published) -> None:
    manager.create_token("alice", "backup")
    before = recorded()
    with pytest.raises(AlreadyExists):
        manager.create_token("alice", "backup")
    for fail in (
        lambda: manager.revoke_token("alice", 10**9),
        lambda: manager.revoke_session("alice", 10**9),
        lambda: manager.revoke_feed_secret("alice"),
        lambda: manager.login("nobody"),
        lambda: manager.create_feed_secret("nobody"),
    ):
        with pytest.raises(NotFound):
            fail()
    manager.revoke_sessions("alice")  # there are none
    assert recorded() == before


def test_a_deletion_is_told_without_whose_it_was_and_from_where(
    manager: Manager, recorded: Published
) -> None:
    deletion = manager.delete_account("alice")
    manager.delete_account("alice")
    [entry] = [entry for entry in recorded() if entry.data["action"] == "account_deleted"]
    assert (entry.key, entry.data["details"]) == (deletion.id, {"deletion_id": deletion.id})
    assert "alice" not in repr(entry)
    assert "203.0.113.7" not in repr(entry)


def test_where_the_gateway_says_it_was_done_from_is_told(memory: InMemoryUserStore) -> None:
    manager = UserManager(memory, LIFETIME, origin=origin)
    manager.register(ALICE)
    with serving(create_user_app(manager, auth_for(GATEWAY))) as address:
        headers = HOME.to_headers
        UserClient(
            HttpClient("user-manager", address, headers=headers, token=token_of(GATEWAY))
        ).login("alice")
    data = memory.events[-1].data
    assert (data["address"], data["user_agent"]) == ("203.0.113.7", "Firefox")
    assert data["details"]["by"] == "session 12"
