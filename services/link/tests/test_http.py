"""The REST transport: statuses, problem documents, and who may call."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from delinkcious.http.app import RestApp
from delinkcious.object_model.links import LinkPage, LinkQuery
from delinkcious.testing.peers import auth_for, calling_as
from link_service.http import create_link_app
from link_service.manager import LinkManager
from link_service.memory import InMemoryLinkStore

GATEWAY = calling_as("api-gateway")
URL = "https://example.com/a"
ALICE = {"username": "alice"}


@pytest.fixture
def app() -> RestApp:
    manager = LinkManager(InMemoryLinkStore(), max_links_per_user=3)
    return create_link_app(manager, auth_for("api-gateway", "news-manager", "user-manager"))


@pytest.fixture
def http(app: RestApp) -> FlaskClient:
    return app.test_client()


def body_of(response: TestResponse) -> Any:
    return orjson.loads(response.data)


def add(http: FlaskClient, url: str = URL, **fields: Any) -> TestResponse:
    return http.post("/links", json={**ALICE, "url": url, **fields}, headers=GATEWAY)


def test_adding_answers_201_and_the_link(http: FlaskClient) -> None:
    response = add(http, title="A", tags=["B"])
    assert response.status_code == 201
    link = body_of(response)
    assert (link["url"], link["title"], link["tags"]) == (URL, "A", ["b"])
    assert (link["status"], link["last_check"], link["visibility"]) == ("pending", None, "public")


def test_a_list_is_a_page_of_links(http: FlaskClient) -> None:
    add(http)
    response = http.get("/links", query_string=ALICE, headers=GATEWAY)
    assert response.status_code == 200
    assert response.content_type == "application/json"
    page = body_of(response)
    assert [link["url"] for link in page["links"]] == [URL]
    assert page["next_page_token"] is None


def test_what_is_read_follows_the_filters(http: FlaskClient) -> None:
    add(http, tags=["a", "b"])
    add(http, "https://example.com/b", tags=["a"], visibility="private")
    for query, found in (
        ("tag=a", 2),
        ("tag=a&tag=b", 1),
        ("public_only=true", 1),
        ("status=valid", 0),
        ("url_regex=/b$", 1),
    ):
        response = http.get(f"/links?username=alice&{query}", headers=GATEWAY)
        assert len(body_of(response)["links"]) == found, query


def test_changing_answers_the_link_as_it_is_now(http: FlaskClient) -> None:
    add(http, title="A")
    change = {**ALICE, "url": URL, "title": "B", "add_tags": ["x"]}
    response = http.put("/links", json=change, headers=GATEWAY)
    assert response.status_code == 200
    assert (body_of(response)["title"], body_of(response)["tags"]) == ("B", ["x"])


def test_deleting_answers_204_and_nothing(http: FlaskClient) -> None:
    add(http)
    response = http.delete("/links", query_string={**ALICE, "url": URL}, headers=GATEWAY)
    assert (response.status_code, response.data) == (204, b"")


def test_tags_are_counted(http: FlaskClient) -> None:
    add(http, tags=["a"])
    response = http.get("/tags", query_string=ALICE, headers=GATEWAY)
    assert body_of(response) == {"tags": [{"name": "a", "count": 1}], "next_page_token": None}


def test_a_link_may_come_as_a_form_or_in_the_query(http: FlaskClient) -> None:
    form = {**ALICE, "url": URL, "tags": ["a", "b"]}
    assert body_of(http.post("/links", data=form, headers=GATEWAY))["tags"] == ["a", "b"]
    query = {**ALICE, "url": URL + "2", "title": "T"}
    assert body_of(http.post("/links", query_string=query, headers=GATEWAY))["title"] == "T"


@pytest.mark.parametrize(
    ("method", "fields", "status", "wrong"),
    [
        ("POST", {"url": "javascript:x"}, 400, ["url"]),
        ("POST", {}, 400, ["url"]),
        ("POST", {"url": URL, "title": "x" * 501, "description": "x" * 10_001}, 400, None),
        ("POST", {"url": URL, "visibility": "secret"}, 400, ["visibility"]),
        ("PUT", {"url": URL}, 404, []),
        ("POST", {"url": URL, "username": "no spaces"}, 400, ["username"]),
    ],
)
def test_what_is_wrong_is_named(
    http: FlaskClient, method: str, fields: dict[str, Any], status: int, wrong: list[str] | None
) -> None:
    response = http.open("/links", method=method, json={**ALICE, **fields}, headers=GATEWAY)
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    named = [error["field"] for error in body_of(response).get("errors", [])]
    assert named == (["title", "description"] if wrong is None else wrong)


def test_the_limit_and_a_duplicate_are_conflicts_of_different_types(http: FlaskClient) -> None:
    for number in range(3):
        assert add(http, f"{URL}{number}").status_code == 201
    full = add(http, f"{URL}3")
    assert full.status_code == 409
    assert body_of(full)["type"].endswith("failed-precondition")
    http.delete("/links", query_string={**ALICE, "url": f"{URL}0"}, headers=GATEWAY)
    again = add(http, f"{URL}1")
    assert again.status_code == 409
    assert body_of(again)["type"].endswith("already-exists")


def test_only_who_is_allowed_to_may_call(app: RestApp, http: FlaskClient) -> None:
    rules = app.url_map.iter_rules()
    calls = {
        (rule.rule, method) for rule in rules for method in (rule.methods or set()) - {"OPTIONS"}
    }
    for path, method in calls:
        assert http.open(path, method=method).status_code == 401
        assert http.open(path, method=method, headers=calling_as("a stranger")).status_code == 401
        known = http.open(path, method=method, headers=calling_as("user-manager"))
        assert known.status_code == 403, (path, method)


def test_the_document_has_every_call(app: RestApp) -> None:
    document = app.spec
    assert isinstance(document, dict)
    assert document["openapi"].startswith("3.1")
    calls = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert calls == {
        ("/links", "get"),
        ("/links", "post"),
        ("/links", "put"),
        ("/links", "delete"),
        ("/links/lookup", "get"),
        ("/links/bulk", "post"),
        ("/links/check", "post"),
        ("/latest", "get"),
        ("/changes", "get"),
        ("/tags", "get"),
        ("/tags", "put"),
        ("/tags", "delete"),
    }


CHANGES_OF_MANY = [
    ("POST", "/links/bulk", {**ALICE, "ids": [1], "add_tags": ["a"]}),
    ("PUT", "/tags", {**ALICE, "name": "a", "new_name": "b"}),
    ("DELETE", "/tags?username=alice&name=a", None),
]


def test_what_takes_long_leaves_threads_to_all_others() -> None:
    manager = Slow(InMemoryLinkStore(), max_links_per_user=3)
    app = create_link_app(manager, auth_for("api-gateway"), long_calls=1)

    def search(username: str) -> int:
        query = {"username": username, "title_regex": "a"}
        answer = app.test_client().get("/links", query_string=query, headers=GATEWAY)
        return answer.status_code

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(search, "alice")
        assert manager.begun.wait(10)
        assert search("bob") == 429
        for method, path, body in CHANGES_OF_MANY:
            answer = app.test_client().open(path, method=method, json=body, headers=GATEWAY)
            assert answer.status_code == 429, path
        everything = app.test_client().get("/links", query_string=ALICE, headers=GATEWAY)
        manager.done.set()
        assert (first.result(), everything.status_code, search("bob")) == (200, 200, 200)


class Slow(LinkManager):
    """Takes long to search by regular expressions, until `done`."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.begun, self.done = Event(), Event()

    def get_links(self, query: LinkQuery) -> LinkPage:
        if query.by_regex:
            self.begun.set()
            self.done.wait(10)
        return super().get_links(query)
