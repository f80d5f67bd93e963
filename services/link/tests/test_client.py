"""The client in front of the service, with the Protocol of the manager it stands for."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from delinkcious.clients.links import LinkClient
from delinkcious.config import Address
from delinkcious.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from delinkcious.http.client import HttpClient
from delinkcious.object_model import links
from delinkcious.object_model.links import (
    BulkChange,
    BulkResult,
    CheckResult,
    LinkChange,
    LinkQuery,
    LinkStatus,
    Lookup,
    NewLink,
    Order,
    Sort,
    TagCount,
    Visibility,
)
from delinkcious.testing.peers import auth_for, token_of
from delinkcious.testing.serving import serving
from link_service.http import create_link_app
from link_service.manager import LinkManager
from link_service.memory import InMemoryLinkStore

URL = "https://example.com/a?b=c&d=é"


@pytest.fixture
def manager() -> LinkManager:
    return LinkManager(InMemoryLinkStore(), max_links_per_user=5)


@pytest.fixture
def address(manager: LinkManager) -> Iterator[Address]:
    with serving(create_link_app(manager, auth_for("api-gateway"))) as address:
        yield address


@pytest.fixture
def client(address: Address) -> links.LinkManager:
    return LinkClient(HttpClient("link-manager", address, token=token_of("api-gateway")))


def test_a_link_makes_the_whole_way_there_and_back(
    client: links.LinkManager, manager: LinkManager
) -> None:
    new = NewLink(URL, "Ä", "line\nbreak", ("b", "a"), Visibility.PRIVATE)
    added = client.add_link("alice", new)
    assert (added.url, added.title, added.description) == (URL, "Ä", "line\nbreak")
    assert (added.tags, added.visibility) == (("a", "b"), Visibility.PRIVATE)
    manager.record_check(CheckResult(URL, "ok", 200, datetime.now(UTC)))
    page = client.get_links(LinkQuery("alice"))
    assert page.body == manager.get_links(LinkQuery("alice")).body
    assert page.links[0].status is LinkStatus.VALID
    changed = client.update_link("alice", LinkChange(URL, title="", remove_tags=("a",)))
    assert (changed.title, changed.description, changed.tags) == ("", "line\nbreak", ("b",))
    assert client.get_tags("alice").tags == [TagCount("b", 1)]
    client.delete_link("alice", URL)
    assert client.get_links(LinkQuery("alice")).links == []


def test_links_are_checked_by_their_url_or_by_their_ids(
    client: links.LinkManager, manager: LinkManager
) -> None:
    added = client.add_link("alice", NewLink(URL))
    assert client.check_links("alice", url=URL) == 1
    assert client.check_links("alice", ids=[added.id, added.id + 1]) == 1
    with pytest.raises(NotFound):
        client.check_links("bob", url=URL)
    with pytest.raises(InvalidArgument):
        client.check_links("alice")
    manager.record_check(CheckResult(URL, "timeout", None, datetime.now(UTC)))
    manager.record_check(CheckResult(URL, "ok", 200, datetime.now(UTC)))
    last = client.get_links(LinkQuery("alice")).links[0].last_check
    assert last
    assert (last.outcome, last.attempts) == ("ok", 2)


def test_every_filter_makes_the_way(client: links.LinkManager) -> None:
    client.add_link("alice", NewLink(URL, "One", "first", ("a", "b")))
    client.add_link("alice", NewLink("https://b.example/", tags=("a",)))
    everything = LinkQuery(
        "alice",
        url_regex="example",
        title_regex="^one$",
        description_regex="fi+rst",
        tags=("a", "b"),
        status=LinkStatus.PENDING,
        public_only=True,
        page_size=1,
    )
    page = client.get_links(everything)
    assert [link.url for link in page.links] == [URL]
    first = client.get_links(LinkQuery("alice", page_size=1))
    rest = client.get_links(LinkQuery("alice", page_size=1, start_token=first.next_page_token))
    assert {first.links[0].url, rest.links[0].url} == {URL, "https://b.example/"}


def test_a_search_and_its_order_make_the_way(client: links.LinkManager) -> None:
    client.add_link("alice", NewLink(URL, "One & only", tags=("c++",)))
    client.add_link("alice", NewLink("https://b.example/", "Another"))

    def found(**query: Any) -> list[str]:
        return [link.title for link in client.get_links(LinkQuery("alice", **query)).links]

    assert found(q='"one & only" #c++') == ["One & only"]
    assert found(sort=Sort.TITLE) == ["Another", "One & only"]
    assert found(sort=Sort.TITLE, order=Order.DESCENDING) == ["One & only", "Another"]
    assert found(sort=Sort.UPDATED, order=Order.ASCENDING) == ["One & only", "Another"]


TAGS = ["a/b", "..", "%2f", "?a=b&c", "#", "ü 日本"]


@pytest.mark.parametrize("name", TAGS)
def test_any_tag_makes_the_way(client: links.LinkManager, name: str) -> None:
    client.add_link("alice", NewLink(URL, tags=(name, "z")))
    first = client.get_tags("alice", prefix=name[:1], page_size=1)
    assert (first.tags, first.next_page_token) == ([TagCount(name, 1)], None)
    assert client.rename_tag("alice", name, f"{name}!") == 1
    assert client.delete_tag("alice", f"{name}!") == 1
    assert client.get_tags("alice").tags == [TagCount("z", 1)]


def test_pages_of_tags_make_the_way(client: links.LinkManager) -> None:
    client.add_link("alice", NewLink(URL, tags=("a", "b")))
    first = client.get_tags("alice", page_size=1)
    rest = client.get_tags("alice", start_token=first.next_page_token)
    assert [tag.name for tag in (*first.tags, *rest.tags)] == ["a", "b"]


def test_a_change_of_many_links_makes_the_way(client: links.LinkManager) -> None:
    link = client.add_link("alice", NewLink(URL, "One", tags=("old",)))
    change = BulkChange(
        ids=(link.id, 10**6),
        add_tags=("new",),
        remove_tags=("old",),
        visibility=Visibility.PRIVATE,
        check=True,
    )
    assert client.bulk_change("alice", change) == BulkResult(1, (link.id,), (), 1, None)
    (changed,) = client.get_links(LinkQuery("alice")).links
    assert (changed.tags, changed.visibility) == (("new",), Visibility.PRIVATE)
    deleted = client.bulk_change("alice", BulkChange(q="#new", delete=True))
    assert deleted == BulkResult(1, (), (link.id,), 0, None)


def test_what_is_known_of_a_url_makes_the_way(client: links.LinkManager) -> None:
    link = client.add_link("alice", NewLink(URL))
    assert client.lookup("alice", URL) == Lookup(link, 1)
    assert client.lookup("bob", URL) == Lookup(None, 1)


def test_changes_make_the_way(client: links.LinkManager) -> None:
    link = client.add_link("alice", NewLink(URL))
    first = client.get_changes("alice", page_size=1)
    assert [change["link"]["id"] for change in first.changes] == [link.id]
    client.delete_link("alice", URL)
    later = client.get_changes("alice", since=first.next_token)
    assert [(change["type"], change["url"]) for change in later.changes] == [("deleted", URL)]
    with pytest.raises(InvalidArgument, match="since"):
        client.get_changes("alice", since="")


def test_errors_come_back_as_they_were_raised(client: links.LinkManager) -> None:
    client.add_link("alice", NewLink(URL))
    with pytest.raises(AlreadyExists):
        client.add_link("alice", NewLink(URL))
    with pytest.raises(NotFound):
        client.delete_link("bob", URL)
    with pytest.raises(InvalidArgument) as caught:
        client.add_link("alice", NewLink("javascript:x"))
    assert caught.value.violations[0].field == "url"
    for number in range(4):
        client.add_link("alice", NewLink(f"{URL}{number}"))
    with pytest.raises(FailedPrecondition):
        client.add_link("alice", NewLink(f"{URL}x"))
