"""Every wrong input gets a 4xx problem document that names the field, and changes nothing."""

# ruff: noqa: E501 - a table is read by its columns
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.support.api import Api
from tests.support.stack import Stack

LINKS = "/v1/links"
BULK = "/v1/links/bulk"

WRONG: list[tuple[str, str, str, dict[str, Any], int, str]] = [
    ("no url", "POST", LINKS, {"json": {}}, 400, "url"),
    ("empty url", "POST", LINKS, {"json": {"url": ""}}, 400, "url"),
    ("malformed url", "POST", LINKS, {"json": {"url": "http://"}}, 400, "url"),
    ("javascript", "POST", LINKS, {"json": {"url": "javascript:alert(1)"}}, 400, "url"),
    ("NUL", "POST", LINKS, {"json": {"url": "http://a.example/\x00"}}, 400, "url"),
    ("url not text", "POST", LINKS, {"json": {"url": 5}}, 400, "url"),
    ("long url", "POST", LINKS, {"json": {"url": "http://a.example/" + "x" * 3000}}, 400, "url"),
    ("long title", "POST", LINKS, {"json": {"url": "http://a.example", "title": "x" * 501}}, 400, "title"),
    ("NUL title", "POST", LINKS, {"json": {"url": "http://a.example", "title": "\x00"}}, 400, "title"),
    ("many tags", "POST", LINKS, {"json": {"url": "http://a.example", "tags": [str(n) for n in range(51)]}}, 400, "tags"),
    ("bad tag", "POST", LINKS, {"json": {"url": "http://a.example", "tags": ["a,b"]}}, 400, "tags"),
    ("visibility", "POST", LINKS, {"json": {"url": "http://a.example", "visibility": "secret"}}, 400, "visibility"),
    ("not JSON", "POST", LINKS, {"data": b"{", "headers": {"Content-Type": "application/json"}}, 400, "body"),
    ("no object", "POST", LINKS, {"json": [1]}, 400, "body"),
    ("content type", "POST", LINKS, {"data": b"<a/>", "headers": {"Content-Type": "text/xml"}}, 415, "Content-Type"),
    ("huge body", "POST", LINKS, {"data": b"x" * 1_100_000, "headers": {"Content-Type": "application/json"}}, 413, "body"),
    ("unknown link", "PUT", LINKS, {"json": {"url": "http://nowhere.example", "title": "x"}}, 404, ""),
    ("update nothing", "PUT", LINKS, {"json": {"title": "x"}}, 400, "url"),
    ("delete unknown", "DELETE", LINKS, {"params": {"url": "http://nowhere.example"}}, 404, ""),
    ("delete nothing", "DELETE", LINKS, {}, 400, "url"),
    ("page token", "GET", LINKS, {"params": {"start_token": "nonsense"}}, 400, "start_token"),
    ("page size 0", "GET", LINKS, {"params": {"page_size": 0}}, 400, "page_size"),
    ("page size 10⁹", "GET", LINKS, {"params": {"page_size": 10**9}}, 400, "page_size"),
    ("page size x", "GET", LINKS, {"params": {"page_size": "x"}}, 400, "page_size"),
    ("url regex", "GET", LINKS, {"params": {"url_regex": "("}}, 400, "url_regex"),
    ("title regex", "GET", LINKS, {"params": {"title_regex": "[z-a]"}}, 400, "title_regex"),
    ("status", "GET", LINKS, {"params": {"status": "dead"}}, 400, "status"),
    ("tag filter", "GET", LINKS, {"params": {"tag": "a,b"}}, 400, "tag"),
    ("tag filter empty", "GET", LINKS, {"params": {"tag": ["a", ""]}}, 400, "tag"),
    ("endless tag filter", "GET", LINKS, {"params": {"tag": "x" * 50_000}}, 400, "tag"),
    ("query", "GET", LINKS, {"params": {"q": "(a"}}, 400, "q"),
    ("query empty", "GET", LINKS, {"params": {"q": ""}}, 400, "q"),
    ("query of a condition", "GET", LINKS, {"params": {"q": "is:dead"}}, 400, "q"),
    ("query NUL", "GET", LINKS, {"params": {"q": "a\0"}}, 400, "q"),
    ("query too long", "GET", LINKS, {"params": {"q": "x" * 1001}}, 400, "q"),
    ("query of others", "GET", "/v1/users/careless-alice/links", {"params": {"q": '"a'}}, 400, "q"),
    ("sort", "GET", LINKS, {"params": {"sort": "size"}}, 400, "sort"),
    ("order", "GET", LINKS, {"params": {"order": "up"}}, 400, "order"),
    ("page token of another list", "GET", LINKS, {"params": {"start_token": "WyJhIl0"}}, 400, "start_token"),
    ("page token out of time", "GET", LINKS, {"params": {"start_token": "WyJjcmVhdGVkLWRlc2MiLDkyMjMzNzIwMzY4NTQ3NzU4MDcsMV0"}}, 400, "start_token"),
    ("bad tag to add", "PUT", LINKS, {"json": {"url": "http://a.example", "add_tags": ["a,b"]}}, 400, "add_tags"),
    ("bad tag to remove", "PUT", LINKS, {"json": {"url": "http://a.example", "remove_tags": [""]}}, 400, "remove_tags"),
    ("look up nothing", "GET", "/v1/links/lookup", {}, 400, "url"),
    ("look up no url", "GET", "/v1/links/lookup", {"params": {"url": "x"}}, 400, "url"),
    ("changes token", "GET", "/v1/changes", {"params": {"since": "nonsense"}}, 400, "since"),
    ("changes token empty", "GET", "/v1/changes", {"params": {"since": ""}}, 400, "since"),
    ("changes page size", "GET", "/v1/changes", {"params": {"page_size": 1001}}, 400, "page_size"),
    ("tags token", "GET", "/v1/tags", {"params": {"start_token": "nonsense"}}, 400, "start_token"),
    ("tags prefix", "GET", "/v1/tags", {"params": {"prefix": "x" * 65}}, 400, "prefix"),
    ("rename no tag", "PUT", "/v1/tags/nope", {"json": {"name": "a"}}, 404, "name"),
    ("rename what is none", "PUT", "/v1/tags/a,b", {"json": {"name": "a"}}, 404, "name"),
    ("rename to nothing", "PUT", "/v1/tags/nope", {"json": {}}, 400, "name"),
    ("rename to no tag", "PUT", "/v1/tags/nope", {"json": {"name": "a,b"}}, 400, "name"),
    ("delete no tag", "DELETE", "/v1/tags/a%2Fb", {}, 404, "name"),
    ("bulk without links", "POST", BULK, {"json": {"delete": True}}, 400, "ids"),
    ("bulk with both", "POST", BULK, {"json": {"ids": [1], "q": "a", "delete": True}}, 400, "ids"),
    ("bulk id", "POST", BULK, {"json": {"ids": [0], "delete": True}}, 400, "ids.0"),
    ("bulk ids", "POST", BULK, {"json": {"ids": [1] * 1001, "delete": True}}, 400, "ids"),
    ("bulk nothing", "POST", BULK, {"json": {"ids": [1]}}, 400, "body"),
    ("bulk query", "POST", BULK, {"json": {"q": "a OR", "delete": True}}, 400, "q"),
    ("bulk token", "POST", BULK, {"json": {"q": "a", "start_token": "x", "delete": True}}, 400, "start_token"),
    ("bulk delete and change", "POST", BULK, {"json": {"q": "a", "delete": True, "check": True}}, 400, "delete"),
    ("bulk tag", "POST", BULK, {"json": {"q": "a", "add_tags": ["x" * 65]}}, 400, "add_tags"),
    ("bulk form", "POST", BULK, {"data": {"q": "a", "delete": "true"}}, 415, "Content-Type"),
    ("feed tag", "GET", "/v1/users/careless-alice/links.atom", {"params": {"tag": "a,b"}}, 400, "tag"),
    ("feed of nobody", "GET", "/v1/users/nobody-of-that-name/links.atom", {}, 404, "username"),
    ("unknown user", "GET", "/v1/users/nobody-of-that-name/links", {}, 404, "username"),
    ("impossible user", "GET", "/v1/users/a%00b/links", {}, 404, ""),
    ("follow nobody", "POST", "/v1/following", {"json": {"username": "nobody-of-that-name"}}, 404, "username"),
    ("follow nameless", "POST", "/v1/following", {"json": {}}, 400, "username"),
    ("unfollow nobody", "DELETE", "/v1/following", {"params": {"username": "nobody"}}, 404, ""),
    ("news token", "GET", "/v1/news", {"params": {"start_token": "nonsense"}}, 400, "start_token"),
    ("news page size", "GET", "/v1/news", {"params": {"page_size": 0}}, 400, "page_size"),
    ("token name", "POST", "/v1/tokens", {"json": {"name": ""}}, 400, "name"),
    ("token scope", "POST", "/v1/tokens", {"json": {"name": "x", "scopes": ["all"]}}, 400, "scopes"),
    ("token id", "DELETE", "/v1/tokens/999999999", {}, 404, ""),
    ("token id x", "DELETE", "/v1/tokens/x", {}, 404, ""),
    ("no such call", "GET", "/v1/nothing", {}, 404, ""),
    ("no such method", "PATCH", LINKS, {}, 405, ""),
]  # fmt: skip


@pytest.fixture(scope="module")
def alice(stack: Stack) -> Api:
    return Api.login(stack.gateway, "careless-alice")


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "field"),
    [wrong[1:] for wrong in WRONG],
    ids=[wrong[0] for wrong in WRONG],
)
def test_a_wrong_input_is_refused_and_named(
    alice: Api, method: str, path: str, options: dict[str, Any], status: int, field: str
) -> None:
    answer = alice.send(method, path, **options)
    assert answer.status_code == status, answer.text
    problem = is_a_problem(answer)
    named = [error["field"] for error in problem.get("errors", [])]
    assert named == ([field] if field else [])
    assert alice.links() == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic YTpi"},
        {"Access-Token": "nonsense"},
        {"Access-Token": "\xe9" * 10},
    ],
)
def test_without_a_good_token_nobody_gets_in(stack: Stack, headers: dict[str, str]) -> None:
    for path in ("/v1/me", "/v1/links", "/v1/news", "/v1/followers", "/v1/tokens"):
        answer = Api(stack.gateway).send("GET", path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        is_a_problem(answer)


def test_oneself_cannot_be_followed_and_nobody_twice(user: Callable[[str], Api]) -> None:
    alice, bob = user("alice"), user("bob")
    itself = alice.send("POST", "/v1/following", json={"username": alice.username})
    assert itself.status_code == 400
    bob.follow(alice.username)
    again = bob.send("POST", "/v1/following", json={"username": alice.username})
    assert again.status_code == 409
    is_a_problem(again)


def test_the_same_link_twice_conflicts(user: Callable[[str], Api]) -> None:
    alice = user("alice")
    alice.add("http://a.example/")
    again = alice.send("POST", LINKS, json={"url": "HTTP://A.example:80#part"})
    assert again.status_code == 409
    is_a_problem(again)


def is_a_problem(answer: requests.Response) -> dict[str, Any]:
    """A problem document that helps the client and tells nothing about what runs here."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "trace_id"} <= set(problem)
    assert problem["status"] == answer.status_code
    assert len(problem["trace_id"]) == 32
    said = answer.text + str(answer.headers)
    for leak in ("Traceback", 'File "', "Werkzeug", "Python/", "granian/", "psycopg", "SELECT"):
        assert leak.lower() not in said.lower()
    return problem
