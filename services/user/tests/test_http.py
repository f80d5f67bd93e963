"""The REST transport: statuses, problem documents, and who may call."""

from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from delinkcious.http.app import RestApp
from delinkcious.testing.peers import auth_for, calling_as
from user_service.http import create_user_app
from user_service.manager import UserManager

GATEWAY = calling_as("api-gateway")
ALICE = {"github_id": 1001, "login": "Alice", "name": "Alice A.", "email": "alice@example.com"}


@pytest.fixture
def app(in_memory: UserManager) -> RestApp:
    return create_user_app(in_memory, auth_for("api-gateway", "news-manager"))


@pytest.fixture
def http(app: RestApp) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def alice(http: FlaskClient) -> None:
    http.post("/register", json=ALICE, headers=GATEWAY)


def body_of(response: TestResponse) -> Any:
    return orjson.loads(response.data)


def fields(response: TestResponse) -> list[str]:
    return [error["field"] for error in body_of(response)["errors"]]


def post(http: FlaskClient, path: str, body: object) -> TestResponse:
    return http.post(path, json=body, headers=GATEWAY)


def test_registering_answers_201_the_first_time_and_200_after_it(http: FlaskClient) -> None:
    first, second = post(http, "/register", ALICE), post(http, "/register", ALICE)
    assert (first.status_code, second.status_code) == (201, 200)
    assert body_of(first) == body_of(second)
    assert {**body_of(first), "created_at": ""} == {
        "username": "alice",
        "name": "Alice A.",
        "email": "alice@example.com",
        "created_at": "",
    }


@pytest.mark.usefixtures("alice")
def test_an_account_is_found_by_its_name_in_any_case(http: FlaskClient) -> None:
    response = http.get("/users/ALICE", headers=GATEWAY)
    assert (response.status_code, body_of(response)["username"]) == (200, "alice")


@pytest.mark.parametrize("name", ["nobody", "not%20a%20name", "%00"])
def test_nobody_is_404(http: FlaskClient, name: str) -> None:
    response = http.get(f"/users/{name}", headers=GATEWAY)
    assert response.status_code == 404
    assert response.content_type == "application/problem+json"


@pytest.mark.usefixtures("alice")
def test_a_session_from_login_to_logout(http: FlaskClient) -> None:
    opened = post(http, "/login", {"username": "alice"})
    session = body_of(opened)
    assert (opened.status_code, session["username"]) == (201, "alice")
    token = {"token": session["access_token"]}
    answer = post(http, "/authenticate", token)
    assert (answer.status_code, body_of(answer)) == (
        200,
        {
            "identity": {
                "username": "alice",
                "scopes": None,
                "expires_at": "2030-02-07T12:00:00+00:00",
                "session_id": 1,
                "token_id": None,
            }
        },
    )
    ended = post(http, "/logout", token)
    assert (ended.status_code, ended.data) == (204, b"")
    assert body_of(post(http, "/authenticate", token)) == {"identity": None}


@pytest.mark.parametrize("token", ["nonsense", "dls_" + "a" * 43, "\x00", "x" * 512])
def test_a_token_that_is_nobodys_is_a_good_answer_to_a_good_question(
    http: FlaskClient, token: str
) -> None:
    response = post(http, "/authenticate", {"token": token})
    assert (response.status_code, body_of(response)) == (200, {"identity": None})


def test_nobody_logs_in_without_an_account(http: FlaskClient) -> None:
    assert post(http, "/login", {"username": "nobody"}).status_code == 404


@pytest.mark.usefixtures("alice")
def test_an_api_token_from_its_making_to_its_end(http: FlaskClient) -> None:
    made = post(
        http,
        "/tokens",
        {
            "username": "alice",
            "name": "laptop",
            "scopes": ["news"],
            "expires_at": "2031-01-01T01:00:00+01:00",
        },
    )
    token = body_of(made)
    assert made.status_code == 201
    secret = token.pop("token")
    assert secret.startswith("dlt_")
    assert token == {
        "id": token["id"],
        "name": "laptop",
        "scopes": ["news"],
        "created_at": "2030-01-31T12:00:00+00:00",
        "expires_at": "2031-01-01T00:00:00+00:00",
        "last_used_at": None,
    }
    listed = http.get("/tokens?username=alice", headers=GATEWAY)
    assert (listed.status_code, body_of(listed)) == (200, {"tokens": [token]})
    path = f"/tokens/{token['id']}?username=alice"
    assert http.delete(path, headers=GATEWAY).status_code == 204
    assert http.delete(path, headers=GATEWAY).status_code == 404
    assert body_of(post(http, "/authenticate", {"token": secret})) == {"identity": None}


@pytest.mark.usefixtures("alice")
def test_a_token_of_the_same_name_is_409_and_names_the_field(http: FlaskClient) -> None:
    post(http, "/tokens", {"username": "alice", "name": "laptop"})
    response = post(http, "/tokens", {"username": "alice", "name": "laptop"})
    assert (response.status_code, fields(response)) == (409, ["name"])


@pytest.mark.parametrize(
    ("path", "body", "wrong"),
    [
        ("/register", {}, ["github_id", "login"]),
        ("/register", {**ALICE, "github_id": 0}, ["github_id"]),
        ("/register", {**ALICE, "github_id": 2**63}, ["github_id"]),
        ("/register", {**ALICE, "github_id": "alice"}, ["github_id"]),
        ("/register", {**ALICE, "login": ""}, ["login"]),
        ("/register", {**ALICE, "name": "a\x00", "email": "x" * 321}, ["name", "email"]),
        ("/login", {}, ["username"]),
        ("/login", {"username": "not a name"}, ["username"]),
        ("/logout", {}, ["token"]),
        ("/authenticate", {"token": ""}, ["token"]),
        ("/authenticate", {"token": "x" * 513}, ["token"]),
        ("/authenticate", {"token": 7}, ["token"]),
        ("/tokens", {}, ["username", "name"]),
        ("/tokens", {"username": "alice", "name": ""}, ["name"]),
        ("/tokens", {"username": "alice", "name": " "}, ["name"]),
        ("/tokens", {"username": "alice", "name": "x" * 101}, ["name"]),
        ("/tokens", {"username": "alice", "name": "x", "scopes": ["all"]}, ["scopes"]),
        ("/tokens", {"username": "alice", "name": "x", "scopes": []}, ["scopes"]),
        ("/tokens", {"username": "alice", "name": "x", "scopes": "news"}, ["scopes"]),
        ("/tokens", {"username": "alice", "name": "x", "expires_at": "soon"}, ["expires_at"]),
        ("/tokens", {"username": "alice", "name": "x", "expires_at": 9e9}, ["expires_at"]),
        (
            "/tokens",
            {"username": "alice", "name": "x", "expires_at": "2031-01-01T00:00:00"},
            ["expires_at"],
        ),
        (
            "/tokens",
            {"username": "alice", "name": "x", "expires_at": "2029-01-01T00:00:00Z"},
            ["expires_at"],
        ),
        (
            "/tokens",
            {"username": "alice", "name": "x", "expires_at": "9999-12-31T23:59:59-23:59"},
            ["expires_at"],
        ),
        ("/tokens", [], ["body"]),
        ("/feed_secret", {}, ["username"]),
        ("/feed_secret", {"username": "not a name"}, ["username"]),
        ("/feed_secret/owner", {}, ["secret"]),
        ("/feed_secret/owner", {"secret": ""}, ["secret"]),
        ("/feed_secret/owner", {"secret": "x" * 513}, ["secret"]),
    ],
)
@pytest.mark.usefixtures("alice")
def test_wrong_input_is_a_400_that_names_the_fields(
    http: FlaskClient, path: str, body: object, wrong: list[str]
) -> None:
    response = post(http, path, body)
    assert (response.status_code, fields(response)) == (400, wrong)


@pytest.mark.usefixtures("alice")
def test_the_secret_of_a_feed_from_its_making_to_its_end(http: FlaskClient) -> None:
    path = "/feed_secret?username=alice"
    assert body_of(http.get(path, headers=GATEWAY)) == {"created_at": None}
    made = post(http, "/feed_secret", {"username": "alice"})
    assert (made.status_code, set(body_of(made))) == (201, {"secret", "created_at"})
    since = {"created_at": "2030-01-31T12:00:00+00:00"}
    assert body_of(http.get(path, headers=GATEWAY)) == since
    secret = {"secret": body_of(made)["secret"]}
    owner = post(http, "/feed_secret/owner", secret)
    assert (owner.status_code, body_of(owner)["username"]) == (200, "alice")
    assert http.delete(path, headers=GATEWAY).status_code == 204
    assert http.delete(path, headers=GATEWAY).status_code == 404
    assert post(http, "/feed_secret/owner", secret).status_code == 404


def test_what_is_of_nobody_in_particular_is_a_400(http: FlaskClient) -> None:
    for method, path in (
        ("GET", "/tokens"),
        ("DELETE", "/tokens/1"),
        ("GET", "/feed_secret"),
        ("DELETE", "/feed_secret"),
    ):
        response = http.open(path, method=method, headers=GATEWAY)
        assert (response.status_code, fields(response)) == (400, ["username"])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/register"),
        ("POST", "/login"),
        ("POST", "/logout"),
        ("POST", "/authenticate"),
        ("GET", "/users/alice"),
        ("GET", "/tokens"),
        ("POST", "/tokens"),
        ("DELETE", "/tokens/1"),
        ("GET", "/feed_secret"),
        ("POST", "/feed_secret"),
        ("DELETE", "/feed_secret"),
        ("POST", "/feed_secret/owner"),
    ],
)
def test_only_the_gateway_is_answered(http: FlaskClient, method: str, path: str) -> None:
    def status(headers: dict[str, str]) -> int:
        return http.open(path, method=method, headers=headers).status_code

    assert status({}) == status(calling_as("a stranger")) == 401
    assert status(calling_as("news-manager")) == 403
    assert status(GATEWAY) not in {401, 403}


@pytest.mark.usefixtures("alice")
def test_no_log_line_holds_a_token_or_an_email_address(http: FlaskClient) -> None:
    with capture_logs() as logs:
        token = body_of(post(http, "/login", {"username": "alice"}))["access_token"]
        post(http, "/register", ALICE)
        post(http, "/register", {**ALICE, "github_id": "?", "email": "alice@example.com\x00"})
        post(http, "/authenticate", {"token": token})
        post(http, "/authenticate", {"token": token * 20})
        secret = body_of(post(http, "/tokens", {"username": "alice", "name": "x"}))["token"]
        post(http, "/logout", {"token": token})
        feed = body_of(post(http, "/feed_secret", {"username": "alice"}))["secret"]
        post(http, "/feed_secret/owner", {"secret": feed})
        post(http, "/feed_secret/owner", {"secret": feed * 20})
    assert len(logs) == 10
    for private in (token, secret, feed, "example.com", "Alice A."):
        assert private not in str(logs)


def test_the_service_documents_itself(app: RestApp) -> None:
    assert set(app.spec["paths"]) == {  # type: ignore[index]
        "/register",
        "/users/{username}",
        "/login",
        "/logout",
        "/authenticate",
        "/tokens",
        "/tokens/{token_id}",
        "/feed_secret",
        "/feed_secret/owner",
        "/sessions",
        "/sessions/{session_id}",
        "/deletions/{deletion_id}",
    }
