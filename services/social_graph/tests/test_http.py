"""The REST transport: statuses, problem documents, and who may call."""

from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from delinkcious.http.app import RestApp
from delinkcious.testing.peers import auth_for, calling_as
from social_graph_service.http import create_social_graph_app
from social_graph_service.manager import SocialGraphManager
from social_graph_service.memory import InMemoryFollowStore

GATEWAY = calling_as("api-gateway")
NEWS = calling_as("news-manager")
FOLLOW = {"followed": "alice", "follower": "bob"}


@pytest.fixture
def app(memory: InMemoryFollowStore) -> RestApp:
    auth = auth_for("api-gateway", "news-manager", "link-manager")
    return create_social_graph_app(SocialGraphManager(memory), auth)


@pytest.fixture
def http(app: RestApp) -> FlaskClient:
    return app.test_client()


def body_of(response: TestResponse) -> Any:
    return orjson.loads(response.data)


def fields(response: TestResponse) -> list[str]:
    return [error["field"] for error in body_of(response)["errors"]]


def test_following_answers_201_and_what_it_made(http: FlaskClient) -> None:
    response = http.post("/follow", json=FOLLOW, headers=GATEWAY)
    assert (response.status_code, response.json) == (201, FOLLOW)


def test_unfollowing_answers_204_and_nothing(http: FlaskClient) -> None:
    http.post("/follow", json=FOLLOW, headers=GATEWAY)
    response = http.post("/unfollow", json=FOLLOW, headers=GATEWAY)
    assert (response.status_code, response.data) == (204, b"")


def test_lists_answer_names_and_where_the_next_page_starts(http: FlaskClient) -> None:
    for follower in ("bob", "carol"):
        http.post("/follow", json={"followed": "alice", "follower": follower}, headers=GATEWAY)
    first = http.get("/followers/alice?page_size=1", headers=GATEWAY)
    assert first.status_code == 200
    assert body_of(first)["followers"] == ["bob"]
    token = body_of(first)["next_page_token"]
    rest = http.get(f"/followers/alice?start_token={token}", headers=GATEWAY)
    assert rest.json == {"followers": ["carol"], "next_page_token": None}
    following = http.get("/following/carol", headers=GATEWAY)
    assert following.json == {"following": ["alice"], "next_page_token": None}


def test_usernames_are_the_same_in_any_case(http: FlaskClient) -> None:
    http.post("/follow", json={"followed": "Alice", "follower": "BOB"}, headers=GATEWAY)
    response = http.get("/followers/ALICE", headers=GATEWAY)
    assert body_of(response)["followers"] == ["bob"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/follow", FOLLOW, 409),
        ("/unfollow", {"followed": "bob", "follower": "alice"}, 404),
    ],
)
def test_what_the_state_forbids_is_a_problem_document(
    http: FlaskClient, path: str, body: dict[str, str], status: int
) -> None:
    http.post("/follow", json=FOLLOW, headers=GATEWAY)
    response = http.post(path, json=body, headers=GATEWAY)
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    assert body_of(response)["status"] == status


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, ["followed", "follower"]),
        ({"followed": "alice"}, ["follower"]),
        ({"followed": "alice", "follower": "alice"}, ["followed"]),
        ({"followed": "Alice", "follower": "alice"}, ["followed"]),
        ({"followed": "not a name", "follower": 7}, ["followed", "follower"]),
        ({"followed": "a\x00", "follower": "x" * 65}, ["followed", "follower"]),
        ([], ["body"]),
    ],
)
def test_wrong_input_is_a_400_that_names_the_fields(
    http: FlaskClient, body: Any, wrong: list[str]
) -> None:
    response = http.post("/follow", json=body, headers=GATEWAY)
    assert response.status_code == 400
    assert fields(response) == wrong


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("page_size=0", "page_size"),
        ("page_size=10001", "page_size"),
        ("page_size=1000000000", "page_size"),
        ("page_size=x", "page_size"),
        ("page_size=1&page_size=2", "page_size"),
        ("start_token=nonsense", "start_token"),
        ("start_token=%00", "start_token"),
        ("start_token=" + "x" * 600, "start_token"),
    ],
)
def test_a_page_that_cannot_be_is_a_400_that_names_the_field(
    http: FlaskClient, query: str, wrong: str
) -> None:
    for path in ("/followers/alice", "/following/alice"):
        response = http.get(f"{path}?{query}", headers=GATEWAY)
        assert response.status_code == 400
        assert fields(response) == [wrong]


def test_services_may_ask_for_pages_of_ten_thousand(http: FlaskClient) -> None:
    assert http.get("/followers/alice?page_size=10000", headers=NEWS).status_code == 200


@pytest.mark.parametrize("name", ["not%20a%20name", "a%00", "-", "x" * 65, "a%2Fb"])
def test_a_path_with_what_is_no_username_is_not_found(http: FlaskClient, name: str) -> None:
    response = http.get(f"/followers/{name}", headers=GATEWAY)
    assert response.status_code == 404
    assert response.content_type == "application/problem+json"


def test_another_content_type_is_refused(http: FlaskClient) -> None:
    assert http.post("/follow", data=FOLLOW, headers=GATEWAY).status_code == 415


@pytest.mark.parametrize(
    ("method", "path", "callers"),
    [
        ("POST", "/follow", {"api-gateway"}),
        ("POST", "/unfollow", {"api-gateway"}),
        ("GET", "/followers", {"news-manager"}),
        ("GET", "/following/alice", {"api-gateway", "news-manager"}),
        ("GET", "/followers/alice", {"api-gateway", "news-manager"}),
    ],
)
def test_only_those_who_may_call_are_answered(
    http: FlaskClient, method: str, path: str, callers: set[str]
) -> None:
    def status(headers: dict[str, str]) -> int:
        return http.open(path, method=method, headers=headers).status_code

    assert status({}) == status(calling_as("a stranger")) == 401
    for caller in ("api-gateway", "news-manager", "link-manager"):
        assert (status(calling_as(caller)) != 403) == (caller in callers)


def test_the_service_documents_itself(app: RestApp) -> None:
    assert set(app.spec["paths"]) == {  # type: ignore[index]
        "/follow",
        "/unfollow",
        "/followers",
        "/followers/{username}",
        "/following/{username}",
    }
