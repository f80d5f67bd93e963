"""Links through the gateway: adding, changing, deleting and listing them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from api_gateway.app import Managers
from api_gateway.testing import MAX_LINKS, Caller, Failing, fields
from delinkcious.errors import Unavailable
from delinkcious.http.app import RestApp
from delinkcious.object_model.links import LinkPage, LinkQuery

Build = Callable[[Managers], RestApp]

URL = "https://www.python.org/"
FIELDS = {
    "id", "url", "title", "description", "tags", "visibility", "status", "last_check",
    "created_at", "updated_at",
}  # fmt: skip


def urls(caller: Caller, path: str = "/v1/links") -> list[str]:
    page = caller.get(path).json
    assert page is not None
    return [link["url"] for link in page["links"]]


def test_a_link_that_was_added_is_pending_and_complete(alice: Caller) -> None:
    new = {"url": URL, "title": "Python", "description": "d", "tags": ["B", "a"]}
    response = alice.post("/v1/links", json=new)
    assert response.status_code == 201
    link = response.json
    assert link is not None
    assert set(link) == FIELDS
    assert link["tags"] == ["a", "b"]
    assert (link["status"], link["visibility"], link["last_check"]) == ("pending", "public", None)
    assert alice.get("/v1/links").json == {"links": [link], "next_page_token": None}


@pytest.mark.parametrize(
    "how",
    [
        lambda fields: {"json": fields},
        lambda fields: {"data": fields},
        lambda fields: {"data": fields, "content_type": "multipart/form-data"},
        lambda fields: {"query_string": fields},
    ],
    ids=["json", "form", "multipart", "query"],
)
def test_a_link_may_be_added_and_changed_in_json_a_form_or_the_query(
    alice: Caller, how: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    added = alice.post("/v1/links", **how({"url": URL, "title": "t", "tags": ["a", "b"]}))
    assert added.status_code == 201
    changed = alice.put("/v1/links", **how({"url": URL, "title": "new", "remove_tags": ["a"]}))
    assert changed.status_code == 200
    assert changed.json is not None
    assert (changed.json["title"], changed.json["tags"]) == ("new", ["b"])


def test_the_same_link_again_is_a_409(alice: Caller) -> None:
    alice.post("/v1/links", json={"url": URL})
    again = alice.post("/v1/links", json={"url": "HTTPS://WWW.PYTHON.ORG:443#top"})
    assert again.status_code == 409
    assert again.content_type == "application/problem+json"


def test_more_links_than_one_may_have_is_a_409(alice: Caller) -> None:
    for number in range(MAX_LINKS):
        alice.post("/v1/links", json={"url": f"{URL}{number}"})
    one_more = alice.post("/v1/links", json={"url": URL})
    assert one_more.status_code == 409
    assert one_more.json is not None
    assert str(MAX_LINKS) in one_more.json["detail"]


def test_a_deleted_link_is_gone_and_deleting_it_again_a_404(alice: Caller) -> None:
    alice.post("/v1/links", json={"url": URL})
    deleted = alice.delete("/v1/links", query_string={"url": URL})
    assert (deleted.status_code, deleted.data) == (204, b"")
    assert urls(alice) == []
    assert alice.delete("/v1/links", query_string={"url": URL}).status_code == 404


def test_a_link_that_is_not_there_cannot_be_changed(alice: Caller) -> None:
    assert alice.put("/v1/links", json={"url": URL, "title": "t"}).status_code == 404


def test_the_links_of_others_cannot_be_changed(alice: Caller, bob: Caller) -> None:
    alice.post("/v1/links", json={"url": URL})
    assert bob.put("/v1/links", json={"url": URL, "title": "t"}).status_code == 404
    assert bob.delete("/v1/links", query_string={"url": URL}).status_code == 404
    assert urls(alice) == [URL]


def test_filters_and_pages_reach_the_link_service(alice: Caller) -> None:
    for name, tags in (("a", ["x"]), ("b", ["x", "y"]), ("c", ["y"])):
        alice.post("/v1/links", json={"url": f"https://{name}.example/", "tags": tags})
    assert urls(alice, "/v1/links?tag=x&tag=Y") == ["https://b.example/"]
    assert urls(alice, "/v1/links?url_regex=//a") == ["https://a.example/"]
    first = alice.get("/v1/links?page_size=2").json
    assert first is not None
    assert len(first["links"]) == 2
    rest = urls(alice, f"/v1/links?page_size=2&start_token={first['next_page_token']}")
    assert rest == ["https://a.example/"]


def test_a_page_passes_through_as_the_bytes_that_it_came_in(
    managers: Managers, build: Build, alice: Caller
) -> None:
    body = b'{ "links" : [],\n "next_page_token":null }'

    class Bytes:
        def get_links(self, query: LinkQuery) -> LinkPage:
            return LinkPage(body)

    links: Any = Bytes()
    app = build(replace(managers, links=links))
    response = app.test_client().get("/v1/links", headers={"Access-Token": alice.token})
    assert (response.data, response.content_type) == (body, "application/json")


def test_everybody_sees_the_public_links_of_a_user_and_nobody_the_private_ones(
    alice: Caller, bob: Caller
) -> None:
    alice.post("/v1/links", json={"url": f"{URL}public", "tags": ["x"]})
    alice.post("/v1/links", json={"url": f"{URL}private", "visibility": "private"})
    for caller in (bob, alice):
        assert urls(caller, "/v1/users/Alice/links") == [f"{URL}public"]
    assert urls(bob, "/v1/users/alice/links?tag=x") == [f"{URL}public"]
    assert urls(bob, "/v1/users/alice/links?tag=y") == []
    assert sorted(urls(alice)) == [f"{URL}private", f"{URL}public"]


def test_the_links_of_nobody_are_a_404_that_names_the_username(alice: Caller) -> None:
    response = alice.get("/v1/users/nobody/links")
    assert (response.status_code, fields(response)) == (404, ["username"])


def test_what_cannot_be_a_username_is_not_found_either(alice: Caller) -> None:
    assert alice.get("/v1/users/not a name/links").status_code == 404


def test_a_link_service_that_is_gone_is_a_503_that_says_which(
    managers: Managers, build: Build, alice: Caller
) -> None:
    links: Any = Failing(Unavailable("link-manager does not answer.", retry_after=1))
    app = build(replace(managers, links=links))
    http: FlaskClient = app.test_client()
    headers = {"Access-Token": alice.token}
    gone = http.get("/v1/links", headers=headers)
    assert (gone.status_code, gone.headers["Retry-After"]) == (503, "1")
    assert gone.json is not None
    assert gone.json["detail"] == "link-manager does not answer."
    assert http.get("/v1/following", headers=headers).status_code == 200
