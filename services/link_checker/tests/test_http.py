"""The HTTP transport of the function: statuses, problem documents, and who may call."""

from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from delinkcious.testing.messaging import InMemoryBlockingPublisher
from delinkcious.testing.peers import auth_for, calling_as
from link_checker.domain import Finding, Outcome
from link_checker.function import LinkCheckFunction
from link_checker.http import create_function_app
from link_checker.memory import InMemoryChecker

URL = "https://example.com/"
TITLED = "https://example.com/titled"
GATEWAY = calling_as("api-gateway")


@pytest.fixture
def publisher() -> InMemoryBlockingPublisher:
    return InMemoryBlockingPublisher()


@pytest.fixture
def http(publisher: InMemoryBlockingPublisher) -> FlaskClient:
    checker = InMemoryChecker(
        {URL: Finding(Outcome.SERVER_ERROR, 502), TITLED: Finding(Outcome.OK, 200, "Ein Café")}
    )
    auth = auth_for("api-gateway", "link-manager", "news-manager")
    return create_function_app(LinkCheckFunction(checker, publisher), auth).test_client()


def body_of(response: TestResponse) -> Any:
    return orjson.loads(response.data)


@pytest.mark.parametrize("caller", ["api-gateway", "link-manager"])
def test_a_check_answers_what_was_found(http: FlaskClient, caller: str) -> None:
    request = {"username": "Alice", "url": URL}
    response = http.post("/", json=request, headers=calling_as(caller))
    assert response.status_code == 200
    assert body_of(response) == {
        "url": URL,
        "outcome": "server_error",
        "status": "invalid",
        "http_status": 502,
        "title": None,
        "moved_to": None,
    }


def test_a_check_answers_the_title_if_it_is_wanted(http: FlaskClient) -> None:
    request = {"username": "alice", "url": TITLED, "title_wanted": True}
    assert body_of(http.post("/", json=request, headers=GATEWAY))["title"] == "Ein Café"


@pytest.mark.parametrize(
    ("request_body", "wrong"),
    [
        ({}, ["username", "url"]),
        ({"username": "alice"}, ["url"]),
        ({"url": URL}, ["username"]),
        ({"username": "", "url": URL}, ["username"]),
        ({"username": "alice", "url": ""}, ["url"]),
        ({"username": "no spaces", "url": URL}, ["username"]),
        ({"username": "alice", "url": 7}, ["url"]),
        ({"username": "alice", "url": URL, "title_wanted": "perhaps"}, ["title_wanted"]),
        ({"username": "alice", "url": "example.com"}, ["url"]),
        ({"username": "alice", "url": "javascript:alert(1)"}, ["url"]),
        ({"username": "alice", "url": "http://x.example/" + "x" * 2048}, ["url"]),
        (["alice", URL], ["body"]),
    ],
)
def test_every_wrong_field_is_named(
    http: FlaskClient, publisher: InMemoryBlockingPublisher, request_body: Any, wrong: list[str]
) -> None:
    response = http.post("/", json=request_body, headers=GATEWAY)
    assert response.status_code == 400
    assert response.content_type == "application/problem+json"
    assert [error["field"] for error in body_of(response)["errors"]] == wrong
    assert publisher.events == []


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"url=x"])
def test_a_body_that_is_no_json_is_refused(http: FlaskClient, raw: bytes) -> None:
    response = http.post("/", data=raw, content_type="application/json", headers=GATEWAY)
    assert response.status_code == 400
    assert body_of(response)["errors"][0]["field"] == "body"


def test_a_result_that_cannot_be_published_is_a_500(
    http: FlaskClient, publisher: InMemoryBlockingPublisher
) -> None:
    publisher.down = True
    response = http.post("/", json={"username": "alice", "url": URL}, headers=GATEWAY)
    assert response.status_code == 500
    assert response.content_type == "application/problem+json"
    assert "published" in body_of(response)["detail"]


def test_only_the_gateway_and_the_link_service_may_call(http: FlaskClient) -> None:
    assert http.post("/").status_code == 401
    assert http.post("/", headers=calling_as("a stranger")).status_code == 401
    assert http.post("/", headers=calling_as("news-manager")).status_code == 403
