"""The account, API tokens, and logging out."""

from datetime import UTC, datetime, timedelta

import pytest

from api_gateway.testing import Caller, fields
from delinkcious.object_model.users import UserManager


def token_headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_me_is_the_account_of_the_token(alice: Caller) -> None:
    me = alice.get("/v1/me").json
    assert me is not None
    assert set(me) == {"username", "name", "email", "created_at"}
    assert (me["username"], me["name"], me["email"]) == ("alice", "Alice", "alice@example.com")


def test_an_api_token_is_shown_once_and_works(alice: Caller) -> None:
    expires_at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    new = {"name": "backup", "scopes": ["links:read"], "expires_at": expires_at}
    made = alice.post("/v1/tokens", json=new)
    assert made.status_code == 201
    token = made.json
    assert token is not None
    secret = token.pop("token")
    assert set(token) == {"id", "name", "scopes", "created_at", "expires_at", "last_used_at"}
    assert (token["name"], token["scopes"]) == ("backup", ["links:read"])
    assert token["last_used_at"] is None
    assert alice.get("/v1/tokens").json == {"tokens": [token]}
    assert alice.http.get("/v1/links", headers=token_headers(secret)).status_code == 200
    [used] = (alice.get("/v1/tokens").json or {})["tokens"]
    assert used["last_used_at"] > token["created_at"]


def test_two_tokens_of_one_name_are_a_409(alice: Caller) -> None:
    alice.post("/v1/tokens", json={"name": "backup"})
    again = alice.post("/v1/tokens", json={"name": "backup"})
    assert (again.status_code, fields(again)) == (409, ["name"])


def test_a_revoked_token_is_good_for_nothing_at_once(alice: Caller) -> None:
    made = alice.post("/v1/tokens", json={"name": "backup"}).json
    assert made is not None
    headers = token_headers(made["token"])
    assert alice.http.get("/v1/me", headers=headers).status_code == 200
    assert alice.delete(f"/v1/tokens/{made['id']}").status_code == 204
    assert alice.http.get("/v1/me", headers=headers).status_code == 401
    assert alice.get("/v1/tokens").json == {"tokens": []}
    assert alice.delete(f"/v1/tokens/{made['id']}").status_code == 404


def test_the_tokens_of_others_are_not_there(alice: Caller, bob: Caller) -> None:
    made = alice.post("/v1/tokens", json={"name": "backup"}).json
    assert made is not None
    assert bob.get("/v1/tokens").json == {"tokens": []}
    assert bob.delete(f"/v1/tokens/{made['id']}").status_code == 404


@pytest.mark.parametrize("token_id", ["x", "-1", "9" * 19, "9" * 5000, "1.5"])
def test_what_cannot_be_an_id_is_not_found(alice: Caller, token_id: str) -> None:
    assert alice.delete(f"/v1/tokens/{token_id}").status_code == 404


def test_a_session_is_over_at_once_after_a_logout(alice: Caller) -> None:
    assert alice.get("/v1/me").status_code == 200
    response = alice.post("/logout")
    assert (response.status_code, response.data) == (204, b"")
    assert alice.get("/v1/me").status_code == 401
    assert alice.post("/logout").status_code == 401


def test_a_browser_logs_out_with_its_cookie_and_loses_it(alice: Caller) -> None:
    headers = {"Cookie": f"session={alice.token}", "X-Requested-With": "fetch"}
    response = alice.http.post("/logout", headers=headers)
    assert response.status_code == 204
    assert "session=;" in response.headers["Set-Cookie"]
    assert alice.get("/v1/me").status_code == 401


def test_all_api_tokens_are_revoked_at_once(alice: Caller) -> None:
    secrets = []
    for name in "ab":
        made = alice.post("/v1/tokens", json={"name": name}).json
        assert made is not None
        secrets.append(made["token"])
        assert alice.http.get("/v1/me", headers=token_headers(secrets[-1])).status_code == 200
    assert alice.delete("/v1/tokens").status_code == 204
    for secret in secrets:
        assert alice.http.get("/v1/me", headers=token_headers(secret)).status_code == 401
    assert alice.get("/v1/tokens").json == {"tokens": []}


def test_other_sessions_of_the_user_live_on(alice: Caller, users: UserManager) -> None:
    other = users.login("alice").access_token
    alice.post("/logout")
    assert alice.http.get("/v1/me", headers=token_headers(other)).status_code == 200
