"""Searching and sorting through the gateway. What the language can say is shown in the tests of the
link service: here, that it comes through, that errors say where, and who sees what.
"""

from itertools import chain

import pytest

from api_gateway.testing import Caller, fields

URL = "https://www.python.org/"


@pytest.fixture(autouse=True)
def _links(alice: Caller, bob: Caller) -> None:
    alice.add("https://docs.example/", title="Event loops in Python", tags=["python", "async"])
    alice.add("https://blog.example/", title="zebra", description="not python")
    alice.add("https://notes.example/", title="Café", tags=["python"], visibility="private")
    bob.add("https://bob.example/", title="Python of Bob", tags=["python"], visibility="private")


def titles(caller: Caller, path: str = "/v1/links", **query: object) -> list[str]:
    return [link["title"] for link in caller.links(path, **query)]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("python", ["Café", "zebra", "Event loops in Python"]),
        ("PYTHON -zebra", ["Café", "Event loops in Python"]),
        ('"loops in python"', ["Event loops in Python"]),
        ("cafe OR zeb*", ["Café", "zebra"]),
        ("(cafe OR zebra) tag:python", ["Café"]),
        ("#async", ["Event loops in Python"]),
        ("untagged", ["zebra"]),
        ("site:docs.example", ["Event loops in Python"]),
        ("is:private", ["Café"]),
        ("is:pending after:2020 before:2999", ["Café", "zebra", "Event loops in Python"]),
        ("https://docs.example/", ["Event loops in Python"]),
        ("nothing", []),
        ("&?=#+ % python", ["Café", "zebra", "Event loops in Python"]),
    ],
)
def test_a_query_finds_ones_own_links(alice: Caller, q: str, found: list[str]) -> None:
    assert titles(alice, q=q) == found


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ({}, ["Café", "zebra", "Event loops in Python"]),
        ({"sort": "created"}, ["Café", "zebra", "Event loops in Python"]),
        ({"order": "asc"}, ["Event loops in Python", "zebra", "Café"]),
        ({"sort": "title"}, ["Café", "Event loops in Python", "zebra"]),
        ({"sort": "title", "order": "desc"}, ["zebra", "Event loops in Python", "Café"]),
        ({"sort": "updated"}, ["Event loops in Python", "Café", "zebra"]),
        ({"sort": "updated", "order": "asc"}, ["zebra", "Café", "Event loops in Python"]),
    ],
)
def test_lists_are_sorted_page_by_page(
    alice: Caller, order: dict[str, str], found: list[str]
) -> None:
    alice.put("/v1/links", json={"url": "https://docs.example/", "description": "new"})
    assert titles(alice, q="python", **order) == found
    pages, token = [], ""
    while token is not None:
        page = alice.get("/v1/links", query_string={**order, "page_size": 1, "start_token": token})
        assert page.status_code == 200, page.text
        pages.append([link["title"] for link in (page.json or {})["links"]])
        token = (page.json or {})["next_page_token"]
    assert list(chain.from_iterable(pages)) == found


@pytest.mark.parametrize(
    "q",
    [
        "cafe",
        "is:private",
        "-is:public",
        "-zebra -event",
        "tag:python -event",
        "site:notes.example",
        "is:private OR cafe",
        "NOT is:public",
        "is:public OR is:private -event -zebra",
    ],
)
def test_no_query_finds_the_private_links_of_somebody(alice: Caller, bob: Caller, q: str) -> None:
    for caller in (alice, bob):
        assert "Café" not in titles(caller, "/v1/users/alice/links", q=q)
        assert "Café" not in titles(caller, "/v1/users/alice/links", q=q, sort="title")
    assert "Python of Bob" not in titles(alice, "/v1/users/bob/links", q="python OR is:private")


def test_a_query_finds_the_public_links_of_somebody(bob: Caller) -> None:
    assert titles(bob, "/v1/users/alice/links", q="python") == ["zebra", "Event loops in Python"]
    assert titles(bob, q="zebra") == []


@pytest.mark.parametrize("path", ["/v1/links", "/v1/users/alice/links"])
@pytest.mark.parametrize(
    ("q", "position", "expected"),
    [
        ("(python", 8, "closing parenthesis"),
        ("python)", 7, "parenthesis"),
        ('python "event', 8, "quotation mark"),
        ("OR python", 1, "before OR"),
        ("python OR", 10, "after OR"),
        ("a is:dead", 6, "pending, valid, invalid, public or private"),
        ("before:soon", 8, "a date"),
        ("site:", 6, "a host"),
        ("日本 OR", 6, "after OR"),
    ],
)
def test_a_wrong_query_is_refused_saying_where_and_what_was_expected(
    alice: Caller, path: str, q: str, position: int, expected: str
) -> None:
    response = alice.get(path, query_string={"q": q})
    assert (response.status_code, fields(response)) == (400, ["q"])
    (error,) = (response.json or {})["errors"]
    assert error["detail"].startswith(f"at position {position}: expected ")
    assert expected in error["detail"]


@pytest.mark.parametrize("path", ["/v1/links", "/v1/users/alice/links"])
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("q=", "q"),
        ("q=%00", "q"),
        ("q=" + "x" * 1001, "q"),
        ("q=" + "%20".join("a" * 51), "q"),
        ("q=" + "(" * 400, "q"),
        ("q=a&q=b", "q"),
        ("sort=size", "sort"),
        ("sort=", "sort"),
        ("order=up", "order"),
        ("sort=title&start_token=WyJhIl0", "start_token"),
        ("tag=a,b", "tag"),
        ("tag=", "tag"),
        ("tag=" + "x" * 65, "tag"),
        ("tag=a%00", "tag"),
    ],
)
def test_a_wrong_parameter_is_named(alice: Caller, path: str, query: str, field: str) -> None:
    response = alice.get(f"{path}?{query}")
    assert response.status_code == 400
    assert [name.partition(".")[0] for name in fields(response)] == [field]


@pytest.mark.parametrize("other", [{"sort": "title"}, {"order": "asc"}, {"sort": "updated"}])
def test_a_token_of_another_order_is_named(alice: Caller, other: dict[str, str]) -> None:
    page = alice.get("/v1/links?page_size=1").json or {}
    query = {**other, "start_token": page["next_page_token"]}
    response = alice.get("/v1/links", query_string=query)
    assert (response.status_code, fields(response)) == (400, ["start_token"])
