"""The use cases of the social graph, on the store in memory, on Postgres, and over HTTP."""

from collections.abc import Callable

import pytest

from delinkcious.errors import AlreadyExists, InvalidArgument, NotFound
from delinkcious.object_model.social_graph import SocialGraphManager as Manager
from delinkcious.object_model.social_graph import UserPage

from .conftest import Published


def walk(get_page: Callable[..., UserPage], username: str, page_size: int) -> list[str]:
    names: list[str] = []
    page = get_page(username, page_size=page_size)
    names += page.usernames
    while page.next_page_token:
        page = get_page(username, page.next_page_token, page_size)
        names += page.usernames
    return names


def test_who_follows_is_a_follower_of_the_one_and_follows_the_other(manager: Manager) -> None:
    manager.follow("alice", "bob")
    assert manager.get_followers("alice") == UserPage(("bob",), None)
    assert manager.get_following("bob") == UserPage(("alice",), None)


def test_to_follow_goes_one_way(manager: Manager) -> None:
    manager.follow("alice", "bob")
    assert manager.get_following("alice").usernames == ()
    assert manager.get_followers("bob").usernames == ()


def test_to_follow_twice_is_refused(manager: Manager) -> None:
    manager.follow("alice", "bob")
    with pytest.raises(AlreadyExists, match="bob follows alice already"):
        manager.follow("alice", "bob")
    manager.follow("bob", "alice")
    assert manager.get_followers("alice").usernames == ("bob",)


def test_to_follow_oneself_is_refused(manager: Manager) -> None:
    with pytest.raises(InvalidArgument) as caught:
        manager.follow("alice", "alice")
    assert caught.value.violations[0].field == "followed"
    assert manager.get_followers("alice").usernames == ()


def test_who_unfollows_is_no_follower_any_more_and_may_begin_again(manager: Manager) -> None:
    manager.follow("alice", "bob")
    manager.follow("alice", "carol")
    manager.unfollow("alice", "bob")
    assert manager.get_followers("alice").usernames == ("carol",)
    assert manager.get_following("bob").usernames == ()
    manager.follow("alice", "bob")
    assert manager.get_followers("alice").usernames == ("bob", "carol")


def test_what_is_not_followed_cannot_be_unfollowed(manager: Manager) -> None:
    manager.follow("bob", "alice")
    with pytest.raises(NotFound, match="bob does not follow alice"):
        manager.unfollow("alice", "bob")


def test_nobody_knows_and_follows_nobody(manager: Manager) -> None:
    assert manager.get_followers("nobody") == UserPage((), None)
    assert manager.get_following("nobody") == UserPage((), None)


def test_lists_are_in_the_order_of_code_points_page_by_page(manager: Manager) -> None:
    names = ["a", "b", "a-1", "a1", "ab", "z", "0"]
    for name in names:
        manager.follow("hub", name)
        manager.follow(name, "hub")
    assert sorted(names) == ["0", "a", "a-1", "a1", "ab", "b", "z"]
    for size in (1, 3, 7, 100):
        assert walk(manager.get_followers, "hub", size) == sorted(names)
        assert walk(manager.get_following, "hub", size) == sorted(names)


def test_everybody_who_follows_is_listed_once(manager: Manager) -> None:
    for followed, follower in (("a", "z"), ("b", "z"), ("z", "a"), ("a", "c")):
        manager.follow(followed, follower)
    first = manager.get_all_followers(page_size=2)
    rest = manager.get_all_followers(first.next_page_token, 2)
    assert (first.usernames, rest.usernames) == (("a", "c"), ("z",))
    assert rest.next_page_token is None


def test_paging_neither_skips_nor_repeats_while_followers_come_and_go(manager: Manager) -> None:
    for name in ("b", "d", "f", "h"):
        manager.follow("hub", name)
    first = manager.get_followers("hub", page_size=2)
    manager.follow("hub", "a")
    manager.unfollow("hub", "d")
    manager.follow("hub", "e")
    rest = manager.get_followers("hub", first.next_page_token)
    assert (first.usernames, rest.usernames) == (("b", "d"), ("e", "f", "h"))


@pytest.mark.parametrize("token", ["nonsense", "W10", "WzFd", "é", "WyJcdTAwMDAiXQ"])
def test_a_page_token_of_another_kind_is_refused(manager: Manager, token: str) -> None:
    for get_page in (manager.get_followers, manager.get_following):
        with pytest.raises(InvalidArgument) as caught:
            get_page("alice", token)
        assert caught.value.violations[0].field == "start_token"


def test_each_change_publishes_one_event_and_a_failed_one_none(
    manager: Manager, published: Published
) -> None:
    manager.follow("alice", "bob")
    with pytest.raises(AlreadyExists):
        manager.follow("alice", "bob")
    with pytest.raises(NotFound):
        manager.unfollow("carol", "bob")
    manager.unfollow("alice", "bob")
    assert [(event.subject, event.key, event.data) for event in published()] == [
        ("graph.followed", "bob", {"followed": "alice", "follower": "bob"}),
        ("graph.unfollowed", "bob", {"followed": "alice", "follower": "bob"}),
    ]
