"""The client, where it differs from a manager in the same process; test_manager has the rest."""

from collections.abc import Iterator

import pytest

from delinkcious.clients.social_graph import SocialGraphClient
from delinkcious.config import Address
from delinkcious.errors import DelinkciousError, Unauthenticated, Unavailable
from delinkcious.http.client import HttpClient
from delinkcious.testing.peers import auth_for, token_of
from delinkcious.testing.serving import serving
from delinkcious.testing.waiting import free_port
from social_graph_service.http import create_social_graph_app
from social_graph_service.manager import SocialGraphManager
from social_graph_service.memory import InMemoryFollowStore


@pytest.fixture
def address(memory: InMemoryFollowStore) -> Iterator[Address]:
    app = create_social_graph_app(
        SocialGraphManager(memory), auth_for("news-manager", "link-manager")
    )
    with serving(app) as address:
        yield address


def client(address: Address, caller: str) -> SocialGraphClient:
    return SocialGraphClient(HttpClient("social-graph-manager", address, token=token_of(caller)))


def test_a_page_of_ten_thousand_comes_in_one_call(
    address: Address, memory: InMemoryFollowStore
) -> None:
    followers = [f"user-{number:05}" for number in range(10_000)]
    with memory.transaction() as transaction:
        for follower in followers:
            transaction.insert("alice", follower)
    page = client(address, "news-manager").get_followers("alice", page_size=10_000)
    assert page.usernames == tuple(followers)
    assert page.next_page_token is None


def test_a_refused_caller_is_an_internal_error_and_not_the_users_fault(address: Address) -> None:
    for caller, call in (("link-manager", "get_following"), ("a stranger", "get_followers")):
        with pytest.raises(DelinkciousError) as caught:
            getattr(client(address, caller), call)("alice")
        assert not isinstance(caught.value, Unauthenticated)


def test_a_service_that_is_not_there_is_unavailable() -> None:
    away = client(Address("127.0.0.1", free_port()), "news-manager")
    with pytest.raises(Unavailable, match="social-graph-manager"):
        away.follow("alice", "bob")
