"""The control endpoints: renaming, changing, and failing on demand."""

import json
import time

import pytest
import requests
from oauthlib.oauth2 import OAuth2Error

from tools.tests.identity_provider.running import CLIENT_SECRET, RunningProvider


def test_renaming_keeps_the_id(provider: RunningProvider) -> None:
    before = provider.user("alice")
    renamed = provider.control("POST", "/accounts/alice/rename", {"login": "alicia"})
    assert renamed.status_code == 200
    after = provider.user("alicia")
    assert (after["login"], after["id"]) == ("alicia", before["id"])


def test_a_token_follows_the_renamed_account(provider: RunningProvider) -> None:
    token = provider.token("alice")
    provider.control("POST", "/accounts/alice/rename", {"login": "alicia"})
    assert provider.api("/user", token).json()["login"] == "alicia"


def test_who_takes_a_freed_name_is_someone_else(provider: RunningProvider) -> None:
    before = provider.user("alice")["id"]
    provider.control("POST", "/accounts/alice/rename", {"login": "alicia"})
    assert provider.user("alice")["id"] != before


def test_the_case_of_a_login_can_change(provider: RunningProvider) -> None:
    before = provider.user("alice")["id"]
    provider.control("POST", "/accounts/alice/rename", {"login": "Alice"})
    assert provider.user("aLICE") | {"updated_at": ""} == provider.user("Alice") | {
        "updated_at": ""
    }
    assert provider.user("alice")["id"] == before


@pytest.mark.parametrize(
    ("login", "document", "status"),
    [
        ("alice", {"login": "BOB"}, 422),
        ("alice", {"login": "a--b"}, 422),
        ("alice", {"login": 1}, 422),
        ("alice", {}, 422),
        ("alice", [], 422),
        ("nobody", {"login": "somebody"}, 404),
    ],
)
def test_a_wrong_rename_is_refused(
    provider: RunningProvider, login: str, document: object, status: int
) -> None:
    assert provider.control("POST", f"/accounts/{login}/rename", document).status_code == status


def test_accounts_are_listed(provider: RunningProvider) -> None:
    accounts = provider.control("GET", "/accounts").json()
    assert [account["login"] for account in accounts] == ["alice", "bob", "carol"]


def test_put_makes_and_changes_an_account(provider: RunningProvider) -> None:
    made = provider.control("PUT", "/accounts/dave", {"email_public": True, "name": "Dave"})
    assert made.status_code == 200
    user = provider.user("dave")
    assert (user["name"], user["email"]) == ("Dave", "dave@example.com")


@pytest.mark.parametrize("document", [{"id": 1}, {"login": "x"}, {"email": None}, {"name": 1}])
def test_put_refuses_other_changes(provider: RunningProvider, document: object) -> None:
    assert provider.control("PUT", "/accounts/alice", document).status_code == 422


def test_a_web_page_cannot_post_a_form_here(provider: RunningProvider) -> None:
    response = provider.http.post(
        f"{provider.url}/_local/accounts/alice/rename",
        data='{"login": "stolen"}',
        headers={"Content-Type": "text/plain"},
    )
    assert response.status_code == 415


@pytest.mark.parametrize(("endpoint", "path"), [("user", "/user"), ("emails", "/user/emails")])
def test_the_api_fails_as_often_as_planned(
    provider: RunningProvider, endpoint: str, path: str
) -> None:
    token = provider.token()
    provider.control("POST", "/faults", {"endpoint": endpoint, "status": 503, "times": 2})
    statuses = [provider.api(path, token).status_code for _ in range(3)]
    assert statuses == [503, 503, 200]


def test_the_primary_rate_limit_has_githubs_headers(provider: RunningProvider) -> None:
    token = provider.token()
    provider.control("POST", "/faults", {"endpoint": "user", "status": 403})
    response = provider.api("/user", token)
    assert response.status_code == 403
    assert response.headers["x-ratelimit-remaining"] == "0"
    assert int(response.headers["x-ratelimit-reset"]) > time.time()
    assert "API rate limit exceeded" in response.json()["message"]


def test_the_secondary_rate_limit_says_when_to_come_back(provider: RunningProvider) -> None:
    token = provider.token()
    provider.control("POST", "/faults", {"endpoint": "user", "status": 429})
    response = provider.api("/user", token)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "60")
    assert "secondary rate limit" in response.json()["message"]


@pytest.mark.parametrize("status", [429, 500, 502])
def test_the_exchange_fails_with_a_page_as_github_does(
    provider: RunningProvider, status: int
) -> None:
    code = provider.code()
    provider.control("POST", "/faults", {"endpoint": "access_token", "status": status})
    response = provider.http.post(f"{provider.url}/login/oauth/access_token")
    assert response.status_code == status
    assert response.headers["Content-Type"].startswith("text/html")
    assert "access_token" in provider.exchange(code)


def test_the_exchange_refuses_with_the_planned_error(provider: RunningProvider) -> None:
    provider.control(
        "POST", "/faults", {"endpoint": "access_token", "error": "unverified_user_email"}
    )
    with (
        provider.application(pkce=None) as application,
        pytest.raises(OAuth2Error, match="unverified_user_email"),
    ):
        application.fetch_token(
            f"{provider.url}/login/oauth/access_token",
            code=provider.code(),
            client_secret=CLIENT_SECRET,
        )


def test_a_delay_outlasts_an_impatient_client(provider: RunningProvider) -> None:
    token = provider.token()
    provider.control("POST", "/faults", {"endpoint": "user", "delay_seconds": 300})
    with pytest.raises(requests.ReadTimeout):
        provider.api("/user", token, timeout=0.1)
    assert provider.api("/user", token).status_code == 200


def test_faults_happen_in_the_order_they_were_planned(provider: RunningProvider) -> None:
    token = provider.token()
    for status in (500, 429):
        provider.control("POST", "/faults", {"endpoint": "user", "status": status})
    statuses = [provider.api("/user", token).status_code for _ in range(3)]
    assert statuses == [500, 429, 200]


def test_faults_can_be_called_off(provider: RunningProvider) -> None:
    token = provider.token()
    provider.control("POST", "/faults", {"endpoint": "user", "status": 500, "times": 9})
    assert provider.control("DELETE", "/faults").status_code == 204
    assert provider.api("/user", token).status_code == 200


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"status": 500}, "endpoint"),
        ({"endpoint": "repos", "status": 500}, "endpoint"),
        ({"endpoint": ["user"], "status": 500}, "endpoint"),
        ({"endpoint": "user"}, "status"),
        ({"endpoint": "user", "status": 200}, "status"),
        ({"endpoint": "user", "status": "500"}, "status"),
        ({"endpoint": "user", "error": "bad_verification_code"}, "error"),
        ({"endpoint": "access_token", "error": "oops"}, "error"),
        ({"endpoint": "user", "delay_seconds": 301}, "delay_seconds"),
        ({"endpoint": "user", "delay_seconds": float("nan")}, "delay_seconds"),
        ({"endpoint": "user", "delay_seconds": True}, "delay_seconds"),
        ({"endpoint": "user", "status": 500, "times": 0}, "times"),
        ({"endpoint": "user", "status": 500, "often": 1}, "often"),
    ],
)
def test_what_is_no_fault_is_refused_by_field(
    provider: RunningProvider, document: dict[str, object], field: str
) -> None:
    # Not through json=: requests will not write NaN.
    response = provider.http.post(
        f"{provider.url}/_local/faults",
        data=json.dumps(document),
        headers={"Content-Type": "application/json"},
    )
    assert (response.status_code, response.json()["field"]) == (422, field)
