"""Changes of many links at once through the gateway."""

import re
from typing import Any

import pytest
from werkzeug.test import TestResponse

from api_gateway.testing import Caller, fields

URL = "https://www.python.org/"


def bulk(caller: Caller, **wanted: Any) -> TestResponse:
    return caller.post("/v1/links/bulk", json=wanted)


def done(caller: Caller, **wanted: Any) -> dict[str, Any]:
    """What a change that succeeds answers."""
    response = bulk(caller, **wanted)
    assert response.status_code == 200, response.text
    result: dict[str, Any] = response.json or {}
    return result


@pytest.fixture
def ids(alice: Caller) -> list[int]:
    """Three links of Alice's: old and new in their tags, the last one private."""
    found = [
        alice.add(f"{URL}1", title="One", tags=["old"]),
        alice.add(f"{URL}2", title="Two", tags=["old", "x"]),
        alice.add(f"{URL}3", title="Three", tags=["new"], visibility="private"),
    ]
    return [link["id"] for link in found]


def test_links_named_by_their_ids_are_changed_together(alice: Caller, ids: list[int]) -> None:
    result = done(
        alice, ids=ids[1:], add_tags=["New"], remove_tags=["OLD", "nope"], visibility="private"
    )
    assert result == {
        "found": 2,
        "changed": [ids[1]],  # the other one is as wanted already
        "deleted": [],
        "checks": 0,
        "next_page_token": None,
    }
    three, two, one = alice.links()
    assert (one["tags"], one["visibility"]) == (["old"], "public")
    assert (two["tags"], two["visibility"]) == (["new", "x"], "private")
    assert (three["tags"], three["visibility"]) == (["new"], "private")


def test_links_named_by_a_query_are_changed_together(alice: Caller, ids: list[int]) -> None:
    assert done(alice, q="#old -two", add_tags=["found"])["changed"] == [ids[0]]
    assert [link["id"] for link in alice.links(tag="found")] == [ids[0]]


def test_what_is_deleted_is_gone_and_makes_room(alice: Caller, ids: list[int]) -> None:
    result = done(alice, q="#old", delete=True)
    assert (result["found"], sorted(result["deleted"]), result["changed"]) == (2, ids[:2], [])
    assert [link["id"] for link in alice.links()] == ids[2:]
    assert done(alice, q="#old", delete=True)["found"] == 0


def test_checks_go_together_with_changes(alice: Caller, ids: list[int]) -> None:
    result = done(alice, ids=ids, check=True, add_tags=["checked"])
    assert (result["checks"], result["changed"]) == (3, ids)


def test_an_id_twice_is_one_link_and_no_ids_are_none(alice: Caller, ids: list[int]) -> None:
    assert done(alice, ids=[ids[0], ids[0]], add_tags=["a"])["found"] == 1
    assert done(alice, ids=[], delete=True)["found"] == 0


def test_the_links_of_others_are_not_found(alice: Caller, bob: Caller, ids: list[int]) -> None:
    for wanted in ({"ids": ids}, {"q": "#old OR #new"}):
        assert done(bob, **wanted, delete=True)["found"] == 0
        assert done(bob, **wanted, visibility="public", check=True)["checks"] == 0
    assert [link["id"] for link in alice.links()] == ids[::-1]
    assert alice.links()[0]["visibility"] == "private"


def test_one_link_that_cannot_be_changed_stops_all(alice: Caller, ids: list[int]) -> None:
    full = alice.add(f"{URL}full", tags=[f"t{number}" for number in range(50)])
    response = bulk(alice, ids=[*ids, full["id"]], add_tags=["one-more"])
    assert (response.status_code, fields(response)) == (400, ["add_tags"])
    assert alice.links(tag="one-more") == []


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({}, "ids"),
        ({"delete": True}, "ids"),
        ({"ids": [1], "q": "a", "delete": True}, "ids"),
        ({"ids": "1", "delete": True}, "ids"),
        ({"ids": ["one"], "delete": True}, "ids"),
        ({"ids": [0], "delete": True}, "ids"),
        ({"ids": [-1], "delete": True}, "ids"),
        ({"ids": [2**63], "delete": True}, "ids"),
        ({"ids": [1.5], "delete": True}, "ids"),
        ({"ids": [None], "delete": True}, "ids"),
        ({"ids": list(range(1, 1002)), "delete": True}, "ids"),
        ({"q": "(", "delete": True}, "q"),
        ({"q": "", "delete": True}, "q"),
        ({"q": "is:dead", "delete": True}, "q"),
        ({"q": "x" * 1001, "delete": True}, "q"),
        ({"q": 7, "delete": True}, "q"),
        ({"q": "a"}, "body"),
        ({"ids": [1], "delete": False, "check": False, "add_tags": []}, "body"),
        ({"q": "a", "delete": True, "check": True}, "delete"),
        ({"q": "a", "delete": True, "add_tags": ["a"]}, "delete"),
        ({"q": "a", "delete": True, "visibility": "private"}, "delete"),
        ({"q": "a", "delete": "perhaps"}, "delete"),
        ({"q": "a", "check": []}, "check"),
        ({"q": "a", "visibility": "secret"}, "visibility"),
        ({"q": "a", "add_tags": ["a,b"]}, "add_tags"),
        ({"q": "a", "add_tags": ["x" * 65]}, "add_tags"),
        ({"q": "a", "add_tags": [f"t{number}" for number in range(51)]}, "add_tags"),
        ({"q": "a", "add_tags": "a"}, "add_tags"),
        ({"q": "a", "remove_tags": [""]}, "remove_tags"),
        ({"q": "a", "remove_tags": [7]}, "remove_tags"),
        ({"q": "a", "delete": True, "start_token": "nonsense"}, "start_token"),
        ({"q": "a", "delete": True, "start_token": "x" * 1025}, "start_token"),
        ({"ids": [1], "delete": True, "start_token": "WyJhIl0"}, "start_token"),
    ],
)
def test_a_wrong_change_is_refused_named_and_not_made(
    alice: Caller, ids: list[int], wanted: dict[str, Any], field: str
) -> None:
    before = alice.links()
    response = bulk(alice, **wanted)
    assert response.status_code == 400, response.text
    assert [re.sub(r"\.\d+$", "", name) for name in fields(response)] == [field]
    assert alice.links() == before


@pytest.mark.parametrize(
    ("options", "status", "field"),
    [
        ({}, 415, "Content-Type"),
        ({"data": {"q": "a", "delete": "true"}}, 415, "Content-Type"),
        ({"query_string": {"q": "a", "delete": "true"}}, 415, "Content-Type"),
        ({"data": b"[1]", "content_type": "application/json"}, 400, "body"),
        ({"data": b"{", "content_type": "application/json"}, 400, "body"),
    ],
)
def test_what_is_no_json_object_is_refused(
    alice: Caller, options: dict[str, Any], status: int, field: str
) -> None:
    alice.add(URL, title="a")
    response = alice.post("/v1/links/bulk", **options)
    assert (response.status_code, fields(response)) == (status, [field])
    assert len(alice.links()) == 1


@pytest.mark.parametrize("name", [".", "..", "a/../b", "%2e"])
def test_tags_that_clients_take_for_steps_in_a_path_can_be_renamed(
    alice: Caller, name: str
) -> None:
    alice.add(URL, tags=[name])
    alice.add(f"{URL}2", tags=["other"])
    assert done(alice, q=f"tag:{name}", add_tags=["new"], remove_tags=[name])["found"] == 1
    assert [link["tags"] for link in alice.links()] == [["other"], ["new"]]
