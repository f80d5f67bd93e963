"""Accounts, on the store in memory, on Postgres, and over HTTP."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from delinkcious.database import Database
from delinkcious.errors import NotFound
from delinkcious.object_model.users import GitHubIdentity, User
from delinkcious.object_model.users import UserManager as Manager
from user_service.manager import UserManager

from .conftest import Published

ALICE = GitHubIdentity(1001, "Alice", "Alice A.", "alice@example.com")
OTHER_ALICE = GitHubIdentity(2002, "alice", "Another", "another@example.com")


def test_a_new_user_gets_an_account_by_the_name_of_the_login(manager: Manager) -> None:
    user = manager.register(ALICE)
    assert (user.username, user.name, user.email) == ("alice", "Alice A.", "alice@example.com")
    assert user.created_at.tzinfo is not None
    assert manager.get_user("alice") == user


def test_who_comes_again_finds_the_same_account(manager: Manager) -> None:
    assert manager.register(ALICE) == manager.register(ALICE)


def test_name_and_email_follow_github_and_the_username_does_not(manager: Manager) -> None:
    before = manager.register(ALICE)
    renamed = replace(ALICE, login="Alicia", name="Alicia A.", email="alicia@example.com")
    after = manager.register(renamed)
    assert after == User("alice", "Alicia A.", "alicia@example.com", before.created_at)
    assert manager.get_user("alice") == after
    with pytest.raises(NotFound):
        manager.get_user("alicia")


def test_a_login_that_changed_hands_does_not_hand_over_the_account(manager: Manager) -> None:
    manager.register(ALICE)
    other = manager.register(OTHER_ALICE)
    assert other.username == "alice-2002"
    assert manager.get_user("alice").email == ALICE.email
    assert manager.register(OTHER_ALICE) == other


def test_even_the_second_choice_may_be_taken(manager: Manager) -> None:
    manager.register(ALICE)
    manager.register(GitHubIdentity(3003, "alice-2002", "", ""))
    assert manager.register(OTHER_ALICE).username == "alice-2002-2"


def test_who_has_no_name_is_called_by_the_login(manager: Manager) -> None:
    assert manager.register(replace(ALICE, name=" ")).name == "Alice"


def test_nobody_is_found_by_a_name_that_nobody_has(manager: Manager) -> None:
    with pytest.raises(NotFound, match="nobody called bob"):
        manager.get_user("bob")


def test_only_a_new_account_is_published_and_no_more_of_it_than_its_name(
    manager: Manager, published: Published
) -> None:
    manager.register(ALICE)
    manager.register(replace(ALICE, login="alicia", email="alicia@example.com"))
    manager.register(OTHER_ALICE)
    assert [(event.subject, event.key, event.data) for event in published()] == [
        ("users.registered", "alice", {"username": "alice"}),
        ("users.registered", "alice-2002", {"username": "alice-2002"}),
    ]


def test_a_registration_tells_whether_the_account_is_new(service: UserManager) -> None:
    assert service.register_account(ALICE).is_new
    assert not service.register_account(ALICE).is_new


@pytest.mark.integration
def test_many_who_come_at_once_get_one_account_each(
    on_postgres: UserManager, database: Database, published: Published
) -> None:
    identities = [GitHubIdentity(1000 + number % 4, "same", "", "") for number in range(32)]

    def register(identity: GitHubIdentity) -> tuple[int, str]:
        return identity.id, on_postgres.register(identity).username

    with ThreadPoolExecutor(8) as threads:
        accounts = dict.fromkeys(threads.map(register, identities))
    assert len(accounts) == 4
    usernames = {username for _, username in accounts}
    assert "same" in usernames
    assert len(usernames) == 4
    assert sorted(event.key for event in published()) == sorted(usernames)


def test_nothing_that_is_secret_or_personal_shows_in_a_repr(manager: Manager) -> None:
    user = manager.register(ALICE)
    session = manager.login("alice")
    token = manager.create_token("alice", "laptop")
    shown = repr([ALICE, user, session, token])
    for secret in (ALICE.email, "Alice A.", session.access_token, token.token):
        assert secret not in shown
