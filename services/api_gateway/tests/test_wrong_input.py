"""Every wrong input gets a 4xx problem document that names the field, and nothing more."""

import re
from typing import Any

import pytest

from api_gateway.testing import Caller, fields

URL = "https://www.python.org/"
JSON = "application/json"


def link(**changes: Any) -> dict[str, Any]:
    return {"json": {"url": URL, **changes}}


NEW_LINKS = [
    ({"json": {}}, 400, "url"),
    ({"json": {"title": "t"}}, 400, "url"),
    ({}, 400, "url"),
    (link(url=""), 400, "url"),
    (link(url="not a url"), 400, "url"),
    (link(url="www.python.org"), 400, "url"),
    (link(url="javascript:alert(1)"), 400, "url"),
    (link(url="ftp://example.com/"), 400, "url"),
    (link(url="http://"), 400, "url"),
    (link(url="http://user:secret@example.com/"), 400, "url"),
    (link(url="http://example.com:99999/"), 400, "url"),
    (link(url="https://example.com/\u0000"), 400, "url"),
    (link(url="https://example.com/" + "x" * 2100), 400, "url"),
    (link(url=7), 400, "url"),
    (link(url=None), 400, "url"),
    (link(title="t" * 501), 400, "title"),
    (link(title=["t"]), 400, "title"),
    (link(description="d" * 10_001), 400, "description"),
    (link(tags=[f"t{number}" for number in range(51)]), 400, "tags"),
    (link(tags=["t" * 65]), 400, "tags"),
    (link(tags=[""]), 400, "tags"),
    (link(tags=["a,b"]), 400, "tags"),
    (link(tags="one"), 400, "tags"),
    (link(visibility="secret"), 400, "visibility"),
    ({"data": b"{", "content_type": JSON}, 400, "body"),
    ({"data": b"", "content_type": JSON}, 400, "body"),
    ({"data": b"[]", "content_type": JSON}, 400, "body"),
    ({"data": b'"text"', "content_type": JSON}, 400, "body"),
    ({"data": b'{"url": "\xff"}', "content_type": JSON}, 400, "body"),
    ({"data": b"[" * 100_000, "content_type": JSON}, 400, "body"),
    ({"data": b"<xml/>", "content_type": "application/xml"}, 415, "Content-Type"),
    ({"data": b"url=x"}, 415, "Content-Type"),
    ({"data": b"x" * (1024 * 1024 + 1), "content_type": JSON}, 413, "body"),
    ({"data": {"url": URL, "title": "x" * (1024 * 1024)}}, 413, "body"),
    ({"query_string": "url=https://a.example/&url=https://b.example/"}, 400, "url"),
]


@pytest.mark.parametrize(("options", "status", "field"), NEW_LINKS)
def test_adding_a_link(alice: Caller, options: dict[str, Any], status: int, field: str) -> None:
    response = alice.post("/v1/links", **options)
    assert response.status_code == status, response.text
    assert [re.sub(r"\.\d+$", "", name) for name in fields(response)] == [field]
    assert alice.get("/v1/links").json == {"links": [], "next_page_token": None}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "x"}, "url"),
        ({"title": "t" * 501}, "title"),
        ({"add_tags": [f"t{number}" for number in range(51)]}, "add_tags"),
        ({"remove_tags": "one"}, "remove_tags"),
        ({"visibility": "hidden"}, "visibility"),
    ],
)
def test_changing_a_link(alice: Caller, change: dict[str, Any], field: str) -> None:
    alice.post("/v1/links", **link())
    response = alice.put("/v1/links", **link(**change))
    assert (response.status_code, fields(response)) == (400, [field])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("url_regex=(", "url_regex"),
        ("title_regex=[", "title_regex"),
        ("description_regex=*", "description_regex"),
        ("url_regex=" + "x" * 201, "url_regex"),
        ("url_regex=%00", "url_regex"),
        ("start_token=nonsense", "start_token"),
        ("start_token=WyJhIl0", "start_token"),
        ("start_token=" + "x" * 600, "start_token"),
        ("page_size=0", "page_size"),
        ("page_size=-1", "page_size"),
        ("page_size=1000000000", "page_size"),
        ("page_size=" + "9" * 5000, "page_size"),
        ("page_size=many", "page_size"),
        ("page_size=1&page_size=2", "page_size"),
        ("status=broken", "status"),
        ("tag=" + "&tag=".join("abcdefghijklmnopqrstuvwxyz" * 2), "tag"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/links", "/v1/users/alice/links"])
def test_reading_links(alice: Caller, path: str, query: str, field: str) -> None:
    alice.post("/v1/links", **link())  # a pattern is looked at when there is something to match
    response = alice.get(f"{path}?{query}")
    assert (response.status_code, fields(response)) == (400, [field])


@pytest.mark.parametrize("path", ["/v1/followers", "/v1/following", "/v1/news"])
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page_size=0", "page_size"),
        ("page_size=1001", "page_size"),
        ("start_token=nonsense", "start_token"),
    ],
)
def test_reading_other_lists(alice: Caller, path: str, query: str, field: str) -> None:
    response = alice.get(f"{path}?{query}")
    assert (response.status_code, fields(response)) == (400, [field])


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "field"),
    [
        ("DELETE", "/v1/links", {}, 400, "url"),
        ("DELETE", "/v1/links?url=x", {}, 400, "url"),
        ("POST", "/v1/following", {"json": {}}, 400, "username"),
        ("POST", "/v1/following", {"json": {"username": "not a name"}}, 400, "username"),
        ("POST", "/v1/following", {"json": {"username": "nobody"}}, 404, "username"),
        ("POST", "/v1/following", {"json": {"username": "alice"}}, 400, "username"),
        ("DELETE", "/v1/following", {}, 400, "username"),
        ("DELETE", "/v1/following?username=a%00", {}, 400, "username"),
        ("POST", "/v1/tokens", {"json": {}}, 400, "name"),
        ("POST", "/v1/tokens", {"json": {"name": ""}}, 400, "name"),
        ("POST", "/v1/tokens", {"json": {"name": "x" * 101}}, 400, "name"),
        ("POST", "/v1/tokens", {"json": {"name": "x", "scopes": ["all"]}}, 400, "scopes"),
        ("POST", "/v1/tokens", {"json": {"name": "x", "scope": ["news"]}}, 400, "scope"),
        ("POST", "/v1/tokens", {"data": {"name": "x", "expires": "soon"}}, 400, "expires"),
        ("POST", "/v1/tokens", {"json": {"name": "x", "expires_at": "soon"}}, 400, "expires_at"),
        (
            "POST",
            "/v1/tokens",
            {"json": {"name": "x", "expires_at": "2000-01-01T00:00:00Z"}},
            400,
            "expires_at",
        ),
        ("GET", "/login?next=//evil.example/", {}, 400, "next"),
        ("GET", "/login?login=not%20a%20name", {}, 400, "login"),
        ("GET", "/login/authorized", {}, 400, "state"),
        ("GET", "/login/authorized?state=x", {}, 401, "state"),
    ],
)
def test_everything_else(
    alice: Caller, method: str, path: str, options: dict[str, Any], status: int, field: str
) -> None:
    response = alice.call(method, path, **options)
    assert response.status_code == status, response.text
    assert fields(response) == [field]


def test_several_wrong_fields_are_all_named(alice: Caller) -> None:
    response = alice.post("/v1/links", json={"title": 7, "visibility": "x"})
    assert fields(response) == ["url", "title", "visibility"]
