"""Who may call what, and how callers show who they are."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Response
from flask.testing import FlaskClient

from api_gateway import authentication
from api_gateway.app import Managers, create_gateway_app
from api_gateway.cookies import LoginCookie
from api_gateway.policy import Policy, Who, policy_of, public
from api_gateway.sessions import Sessions
from api_gateway.testing import Caller, Failing, NoProvider, fields
from delinkcious.errors import Unavailable
from delinkcious.http.app import RestApp, create_app

PUBLIC = {
    "openapi.spec", "show_docs", "go_to_docs", "start_login", "finish_login",
    "get_feed_of_links", "get_feed_of_news", "get_deletion",
}  # fmt: skip


def rules(app: RestApp) -> list[tuple[str, str, Policy | None]]:
    """Path, method and policy of every endpoint."""
    return [
        (re.sub("<[^>]+>", "1", rule.rule), method, policy_of(app.view_functions[rule.endpoint]))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    ]


def test_every_endpoint_declares_who_may_call_it(app: RestApp) -> None:
    for path, method, policy in rules(app):
        assert policy is not None, f"{method} {path} has no policy"


def test_only_these_endpoints_are_public(app: RestApp) -> None:
    policies = {name: policy_of(view) for name, view in app.view_functions.items()}
    assert {name for name, each in policies.items() if each and each.who is Who.ANYBODY} == PUBLIC


def test_an_application_with_an_undeclared_endpoint_does_not_start(sessions: Sessions) -> None:
    app = create_app(__name__, title="t", version="1", auth=None)
    public(app.view_functions["openapi.spec"])
    app.add_url_rule("/open", "open", lambda: Response())
    with pytest.raises(RuntimeError, match="open"):
        authentication.install(app, sessions)


def test_without_a_token_every_other_endpoint_answers_401(app: RestApp) -> None:
    http = app.test_client()
    for path, method, policy in rules(app):
        if policy is None or policy.who is not Who.ANYBODY:
            response = http.open(path, method=method)
            assert response.status_code == 401, f"{method} {path}"
            assert response.headers["WWW-Authenticate"] == 'Bearer realm="delinkcious"'
            assert fields(response) == ["Authorization"]


@pytest.mark.parametrize(
    "headers",
    [
        lambda token: {"Authorization": f"Bearer {token}"},
        lambda token: {"Authorization": f"bearer  {token} "},
        lambda token: {"Access-Token": token},
        lambda token: {"Cookie": f"session={token}"},
    ],
)
def test_a_token_may_come_in_three_ways(
    alice: Caller, headers: Callable[[str], dict[str, str]]
) -> None:
    response = alice.http.get("/v1/me", headers=headers(alice.token))
    assert response.status_code == 200
    assert response.json is not None
    assert response.json["username"] == "alice"


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer dls_" + "x" * 43},
        {"Authorization": "Bearer " + "x" * 5000},
        {"Authorization": "Bearer \udcff\x80"},
        {"Access-Token": "wrong"},
        {"Cookie": "session=wrong"},
    ],
)
def test_a_wrong_token_is_a_401(http: FlaskClient, headers: dict[str, str]) -> None:
    response = http.get("/v1/me", headers=headers)
    assert response.status_code == 401
    assert "WWW-Authenticate" in response.headers
    assert response.content_type == "application/problem+json"


def test_a_wrong_header_is_not_made_good_by_a_cookie(alice: Caller) -> None:
    headers = {"Authorization": "Bearer wrong", "Cookie": f"session={alice.token}"}
    assert alice.http.get("/v1/me", headers=headers).status_code == 401


def test_the_username_comes_from_the_token_and_never_from_the_request(
    alice: Caller, bob: Caller
) -> None:
    alice.post("/v1/links?username=bob", json={"url": "https://a.example/", "username": "bob"})
    assert bob.get("/v1/links").json == {"links": [], "next_page_token": None}
    listed = alice.get("/v1/links?username=bob").json
    assert listed is not None
    assert len(listed["links"]) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_cookie_will_do_for_reading(alice: Caller, method: str) -> None:
    headers = {"Cookie": f"session={alice.token}"}
    assert alice.http.open("/v1/links", method=method, headers=headers).status_code == 200


def test_the_caller_is_known_before_the_body_is_read(http: FlaskClient) -> None:
    response = http.post("/v1/links", data=b"x" * 2_000_000, content_type="application/json")
    assert response.status_code == 401


def test_a_path_that_does_not_exist_is_a_404_and_a_method_that_is_not_there_a_405(
    http: FlaskClient,
) -> None:
    assert http.get("/v1/nothing").status_code == 404
    response = http.patch("/v1/links")
    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) >= {"GET", "POST", "PUT", "DELETE"}
    assert response.content_type == "application/problem+json"


@pytest.mark.parametrize("path", ["/v1//links", "/v1/links/", "/v1/users/..%2f/links", "/V1/links"])
def test_a_path_is_what_it_says_and_leads_nowhere_else(alice: Caller, path: str) -> None:
    assert alice.get(path).status_code == 404


def test_without_the_user_service_an_unknown_token_is_a_503(managers: Managers) -> None:
    failing: Any = Failing(Unavailable("user-manager does not answer.", retry_after=1))
    sessions = Sessions(failing, seconds=5, size=10)
    app = create_gateway_app(managers, sessions, NoProvider(), LoginCookie("k" * 32))
    response = app.test_client().get("/v1/links", headers={"Access-Token": "x"})
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
