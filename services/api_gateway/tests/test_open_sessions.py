"""Sessions that their owner sees and ends."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from api_gateway.testing import Caller
from delinkcious.object_model.users import UserManager


def sessions_of(caller: Caller) -> list[dict[str, Any]]:
    response = caller.get("/v1/sessions")
    assert response.status_code == 200
    return list((response.json or {})["sessions"])


def another(caller: Caller, users: UserManager, client: str = "") -> Caller:
    """Logs in once more, with another browser, and uses it."""
    token = users.login(caller.username, client).access_token
    other = Caller(caller.username, token, caller.http)
    assert is_open(other)
    return other


def is_open(caller: Caller) -> bool:
    return caller.get("/v1/me").status_code == 200


def with_api_token(caller: Caller) -> Caller:
    made = caller.post("/v1/tokens", json={"name": "script", "scopes": ["account"]}).json
    assert made is not None
    return Caller(caller.username, made["token"], caller.http)


def by_cookie(caller: Caller, path: str) -> TestResponse:
    """Sends it as a page of ours does."""
    headers = {
        "Cookie": f"session={caller.token}",
        "Sec-Fetch-Site": "same-origin",
        "X-Requested-With": "fetch",
    }
    return caller.http.delete(path, headers=headers)


def test_sessions_are_listed_with_what_opened_them_and_which_is_this_one(
    alice: Caller, bob: Caller, users: UserManager
) -> None:
    another(bob, users)
    another(alice, users, "Firefox")
    first, second = sessions_of(alice)
    assert set(first) == {"id", "client", "created_at", "last_used_at", "expires_at", "current"}
    assert (first["current"], second["current"]) == (True, False)
    assert (first["client"], second["client"]) == ("", "Firefox")
    assert alice.token not in str([first, second])
    assert [each["current"] for each in sessions_of(with_api_token(alice))] == [False, False]


def test_one_session_is_ended_and_the_others_live_on(alice: Caller, users: UserManager) -> None:
    other = another(alice, users)
    ended = alice.delete(f"/v1/sessions/{sessions_of(alice)[1]['id']}")
    assert (ended.status_code, ended.data) == (204, b"")
    assert "Set-Cookie" not in ended.headers
    assert (is_open(alice), is_open(other)) == (True, False)


def test_one_may_end_the_session_that_one_asks_with(alice: Caller) -> None:
    ended = by_cookie(alice, f"/v1/sessions/{sessions_of(alice)[0]['id']}")
    assert ended.status_code == 204
    assert "session=;" in ended.headers["Set-Cookie"]
    assert not is_open(alice)


def test_sessions_of_others_are_not_there(alice: Caller, bob: Caller) -> None:
    foreign = sessions_of(bob)[0]["id"]
    assert alice.delete(f"/v1/sessions/{foreign}").status_code == 404
    assert is_open(bob)


@pytest.mark.parametrize("session_id", ["x", "-1", "9" * 19, "0", "current"])
def test_what_is_no_session_is_not_found(alice: Caller, session_id: str) -> None:
    assert alice.delete(f"/v1/sessions/{session_id}").status_code == 404


def test_all_others_are_ended(alice: Caller, bob: Caller, users: UserManager) -> None:
    others, script = [another(alice, users) for _ in range(2)], with_api_token(alice)
    ended = alice.delete("/v1/sessions?keep_current=true")
    assert (ended.status_code, "Set-Cookie" in ended.headers) == (204, False)
    assert [is_open(each) for each in (alice, *others)] == [True, False, False]
    assert is_open(script)
    assert is_open(bob)


def test_all_are_ended_with_the_one_that_asks(alice: Caller, users: UserManager) -> None:
    other = another(alice, users)
    ended = by_cookie(alice, "/v1/sessions")
    assert (ended.status_code, "session=;" in ended.headers["Set-Cookie"]) == (204, True)
    assert not is_open(alice)
    assert not is_open(other)


def test_for_an_api_token_all_sessions_are_others(alice: Caller) -> None:
    script = with_api_token(alice)
    assert script.delete("/v1/sessions?keep_current=true").status_code == 204
    assert not is_open(alice)
    assert is_open(script)
