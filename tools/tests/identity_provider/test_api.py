"""The calls of the REST API that a login needs."""

import base64

import pytest

from tools.tests.identity_provider.running import RunningProvider


@pytest.mark.parametrize("prefix", ["", "/api/v3"])
def test_user_has_githubs_shape(provider: RunningProvider, prefix: str) -> None:
    response = provider.api(f"{prefix}/user", provider.token("alice"))
    user = response.json()
    assert (user["login"], user["name"], user["type"]) == ("alice", "Alice", "User")
    assert isinstance(user["id"], int)
    assert base64.b64decode(user["node_id"]).decode() == f"04:User{user['id']}"
    assert user["created_at"].endswith("Z")
    assert response.headers["X-OAuth-Scopes"] == "user:email"
    assert response.headers["X-RateLimit-Limit"] == "5000"


def test_a_hidden_address_is_null_and_a_public_one_shown(provider: RunningProvider) -> None:
    assert provider.user("alice")["email"] is None
    assert provider.user("bob")["email"] == "bob@example.com"


def test_someone_who_never_edited_his_profile_has_no_name(provider: RunningProvider) -> None:
    assert provider.user("dave")["name"] is None


def test_emails_name_the_primary_address_not_first(provider: RunningProvider) -> None:
    emails = provider.api("/user/emails", provider.token("alice")).json()
    assert [email["primary"] for email in emails] == [False, True]
    assert emails[1] == {
        "email": "alice@example.com",
        "primary": True,
        "verified": True,
        "visibility": "private",
    }


def test_emails_of_an_unverified_account_are_not_verified(provider: RunningProvider) -> None:
    provider.control("PUT", "/accounts/dave", {"email_verified": False})
    emails = provider.api("/user/emails", provider.token("dave")).json()
    assert [email["verified"] for email in emails] == [False]


def test_emails_need_a_scope(provider: RunningProvider) -> None:
    response = provider.api("/user/emails", provider.token(scope="read:user"))
    assert response.status_code == 404
    assert response.json()["message"] == "Not Found"
    assert response.headers["X-OAuth-Scopes"] == "read:user"
    assert response.headers["X-Accepted-OAuth-Scopes"] == "user, user:email"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "token"])
def test_both_of_githubs_schemes_are_taken(provider: RunningProvider, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {provider.token()}"}
    assert provider.http.get(f"{provider.url}/user", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/user", "/user/emails"])
def test_a_wrong_token_is_bad_credentials(provider: RunningProvider, path: str) -> None:
    response = provider.api(path, "gho_wrong")
    assert response.status_code == 401
    assert response.json() == {
        "message": "Bad credentials",
        "documentation_url": "https://docs.github.com/rest",
        "status": "401",
    }


def test_no_token_at_all_has_its_own_message(provider: RunningProvider) -> None:
    response = provider.http.get(f"{provider.url}/user")
    assert (response.status_code, response.json()["message"]) == (401, "Requires authentication")


def test_a_client_without_a_name_is_refused(provider: RunningProvider) -> None:
    response = provider.http.get(f"{provider.url}/user", headers={"User-Agent": ""})
    assert response.status_code == 403


def test_the_avatar_is_a_picture(provider: RunningProvider) -> None:
    response = provider.http.get(provider.user("alice")["avatar_url"])
    assert response.headers["Content-Type"].startswith("image/svg+xml")


def test_other_paths_are_githubs_404(provider: RunningProvider) -> None:
    response = provider.http.get(f"{provider.url}/repos/alice/links")
    assert (response.status_code, response.json()["message"]) == (404, "Not Found")


def test_a_page_that_rebinds_its_name_to_loopback_gets_nothing(provider: RunningProvider) -> None:
    response = provider.http.get(
        f"{provider.url}/_local/accounts", headers={"Host": "evil.example"}
    )
    assert response.status_code == 400


def test_healthz_answers(provider: RunningProvider) -> None:
    assert provider.http.get(f"{provider.url}/healthz").json() == {"status": "ok"}
