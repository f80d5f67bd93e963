"""The newest public links of some authors, which feeds of news are rebuilt from."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from delinkcious.clients.links import LinkClient
from delinkcious.errors import InvalidArgument
from delinkcious.http.client import HttpClient
from delinkcious.object_model.links import LinkChange, NewLink, Visibility
from delinkcious.testing.peers import auth_for, token_of
from delinkcious.testing.serving import serving
from link_service.http import create_link_app
from link_service.manager import LinkManager
from link_service.memory import InMemoryLinkStore
from link_service.ports import LinkStore

NEWS = "news-manager"


@pytest.fixture
def manager(store: LinkStore) -> LinkManager:
    return LinkManager(store, max_links_per_user=10)


def add(manager: LinkManager, author: str, *names: str) -> None:
    for name in names:
        manager.add_link(author, NewLink(f"https://{name}.example/", name, tags=("t",)))


def titles(manager: LinkManager, *authors: str, limit: int = 10) -> list[str]:
    return [link.title for link in manager.get_latest(authors, limit)]


def test_the_newest_of_all_authors_come_first(manager: LinkManager) -> None:
    add(manager, "alice", "a1")
    add(manager, "bob", "b1", "b2")
    add(manager, "alice", "a2")
    add(manager, "carol", "c1")
    assert titles(manager, "alice", "bob", "nobody") == ["a2", "b2", "b1", "a1"]
    assert titles(manager, "alice", "bob", limit=3) == ["a2", "b2", "b1"]


def test_they_say_what_events_say_and_when_it_was(manager: LinkManager) -> None:
    before = datetime.now(UTC)
    added = manager.add_link("alice", NewLink("https://a.example/", "A", tags=("x", "b")))
    (link,) = manager.get_latest(["alice"], 10)
    assert (link.author, link.id, link.url, link.title) == ("alice", added.id, added.url, "A")
    assert link.tags == ("b", "x")
    assert link.added_at == added.created_at
    assert before <= link.added_at


def test_private_links_are_not_among_them(manager: LinkManager) -> None:
    add(manager, "alice", "shown", "hidden")
    url = "https://hidden.example/"
    manager.update_link("alice", LinkChange(url, visibility=Visibility.PRIVATE))
    assert titles(manager, "alice") == ["shown"]


@pytest.fixture
def client() -> Iterator[LinkClient]:
    """The client of the news service, in front of the service with alice's link."""
    manager = LinkManager(InMemoryLinkStore(), max_links_per_user=10)
    add(manager, "alice", "a1")
    with serving(create_link_app(manager, auth_for(NEWS))) as address:
        yield LinkClient(HttpClient("link-manager", address, token=token_of(NEWS)))


def test_the_client_gets_what_the_manager_gives(client: LinkClient) -> None:
    (link,) = client.get_latest(["alice", "bob"], 5)
    assert (link.author, link.title, link.tags) == ("alice", "a1", ("t",))
    assert link.added_at.tzinfo is not None


@pytest.mark.parametrize(
    ("authors", "limit", "field"),
    [([], 5, "username"), (["a"] * 101, 5, "username"), (["a"], 0, "limit")],
)
def test_what_is_too_much_is_named(
    authors: list[str], limit: int, field: str, client: LinkClient
) -> None:
    with pytest.raises(InvalidArgument) as error:
        client.get_latest(authors, limit)
    assert error.value.violations[0].field.startswith(field)
