"""Mirroring a collection through the gateway."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from api_gateway.app import Managers
from api_gateway.testing import Caller, Failing, fields
from delinkcious.errors import Gone
from delinkcious.http.app import RestApp
from delinkcious.object_model.links import ChangePage

URL = "https://www.python.org/"


def changes(caller: Caller, **query: Any) -> dict[str, Any]:
    """A page of changes."""
    response = caller.get("/v1/changes", query_string=query)
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json or {}
    return page


def follow(caller: Caller, mirror: dict[int, Any], since: str | None = None) -> str:
    """Brings a mirror up to date as a client does, two changes a page; returns its new token."""
    while True:
        query = {"since": since} if since is not None else {}
        page = changes(caller, page_size=2, **query)
        for change in page["changes"]:
            if change["type"] == "deleted":
                mirror.pop(change["id"], None)
            else:
                mirror[change["link"]["id"]] = change["link"]
        since = str(page["next_token"])
        if not page["has_more"]:
            return since


def is_mirrored(caller: Caller, mirror: dict[int, Any]) -> bool:
    return mirror == {link["id"]: link for link in caller.links(page_size=100)}


def test_a_mirror_has_every_link_and_follows_every_change(alice: Caller) -> None:
    mirror: dict[int, Any] = {}
    for number in range(5):
        alice.add(f"{URL}{number}", tags=["a"])
    token = follow(alice, mirror)
    assert (len(mirror), is_mirrored(alice, mirror)) == (5, True)
    alice.put("/v1/links", json={"url": f"{URL}1", "title": "new"})
    alice.delete("/v1/links", query_string={"url": f"{URL}2"})
    alice.add(f"{URL}6", visibility="private")
    alice.put("/v1/tags/a", json={"name": "b"})
    alice.post("/v1/links/bulk", json={"ids": [min(mirror)], "delete": True})
    token = follow(alice, mirror, token)
    assert (len(mirror), is_mirrored(alice, mirror)) == (4, True)
    assert changes(alice, since=token) == {
        "changes": [], "next_token": token, "has_more": False,
    }  # fmt: skip


def test_a_deletion_says_what_was_deleted_and_when(alice: Caller) -> None:
    link = alice.add(URL)
    token = changes(alice)["next_token"]
    alice.delete("/v1/links", query_string={"url": URL})
    (change,) = changes(alice, since=token)["changes"]
    assert (change["type"], change["id"], change["url"]) == ("deleted", link["id"], URL)
    assert change["deleted_at"] > link["created_at"]


def test_a_collection_without_links_has_a_token_to_begin_with(alice: Caller) -> None:
    page = changes(alice)
    assert (page["changes"], page["has_more"]) == ([], False)
    link = alice.add(URL)
    assert changes(alice, since=page["next_token"])["changes"] == [
        {"type": "changed", "link": link}
    ]


def test_nobody_sees_the_changes_of_others(alice: Caller, bob: Caller) -> None:
    token = changes(bob)["next_token"]
    alice.add(URL)
    alice.delete("/v1/links", query_string={"url": URL})
    assert changes(bob, since=token)["changes"] == changes(bob)["changes"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=nonsense", "since"),
        ("since=", "since"),
        ("since=WyJhIl0", "since"),
        ("since=%00", "since"),
        ("since=" + "x" * 1025, "since"),
        ("since=a&since=b", "since"),
        ("page_size=0", "page_size"),
        ("page_size=1001", "page_size"),
        ("page_size=many", "page_size"),
    ],
)
def test_a_wrong_parameter_is_named(alice: Caller, query: str, field: str) -> None:
    response = alice.get(f"/v1/changes?{query}")
    assert (response.status_code, fields(response)) == (400, [field])


def test_a_token_of_a_list_is_none_of_changes(alice: Caller) -> None:
    for number in range(2):
        alice.add(f"{URL}{number}")
    page = alice.get("/v1/links?page_size=1").json or {}
    response = alice.get("/v1/changes", query_string={"since": page["next_page_token"]})
    assert (response.status_code, fields(response)) == (400, ["since"])


def test_a_token_that_is_too_old_is_a_410(
    managers: Managers, build: Callable[[Managers], RestApp], alice: Caller
) -> None:
    """What is too old, only the store knows: the link service's tests show that."""
    links: Any = Failing(Gone("That is too long ago."))
    http = build(replace(managers, links=links)).test_client()
    response = http.get("/v1/changes?since=x", headers={"Access-Token": alice.token})
    assert (response.status_code, response.content_type) == (410, "application/problem+json")
    assert (response.json or {})["type"] == "urn:delinkcious:problem:gone"


def test_a_page_passes_through_as_the_bytes_that_it_came_in(
    managers: Managers, build: Callable[[Managers], RestApp], alice: Caller
) -> None:
    body = b'{ "changes" : [],\n "next_token":"x","has_more" :false}'

    class Bytes:
        def get_changes(self, username: str, **_wanted: object) -> ChangePage:
            return ChangePage(body)

    links: Any = Bytes()
    http = build(replace(managers, links=links)).test_client()
    response = http.get("/v1/changes", headers={"Access-Token": alice.token})
    assert (response.data, response.content_type) == (body, "application/json")
