"""What is done on the whole platform is in the audit trail, whoever does it, and no secret is."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import grpc
import psycopg
import pytest
import requests

from delinkcious.news.v1 import news_pb2, news_pb2_grpc
from delinkcious.testing.waiting import wait_until
from tests.bench.database import database_of
from tests.support.api import Api, ApiError
from tests.support.stack import Stack

User = Callable[[str], Api]


def trail(user: Api, length: int) -> list[dict[str, Any]]:
    """Waits until there are so many entries, and returns them, oldest first."""

    def entries() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = user.call("GET", "/v1/me/audit")["entries"]
        return found if len(found) >= length else []

    return wait_until(entries, 15)[::-1]


def test_users_see_what_they_did_and_from_where(user: User) -> None:
    alice = user("alice")
    agent = {"User-Agent": "Delinkcious-Test/1.0"}
    made = alice.call("POST", "/v1/tokens", json={"name": "backup"}, headers=agent)
    backup = Api(alice.base, made["token"], alice.username)
    for path in ("/v1/export", "/v1/me/export"):
        assert backup.send("GET", path, headers=agent).ok
    alice.call("DELETE", f"/v1/tokens/{made['id']}", headers=agent)
    entries = trail(alice, 6)
    assert sorted(entry["action"] for entry in entries[:2]) == ["account_created", "logged_in"]
    assert [entry["action"] for entry in entries[2:]] == [
        "token_created",
        "links_exported",
        "account_exported",
        "token_revoked",
    ]
    assert {entry["address"] for entry in entries} == {"127.0.0.1"}
    assert {entry["user_agent"] for entry in entries[2:]} == {"Delinkcious-Test/1.0"}
    assert entries[2]["token_name"] == entries[5]["token_name"] == "backup"
    session = next(e["details"]["session_id"] for e in entries if e["action"] == "logged_in")
    assert [entry["details"]["by"] for entry in entries[2:]] == [
        f"session {session}",
        f"token {made['id']}",
        f"token {made['id']}",
        f"session {session}",
    ]
    assert not {alice.token, made["token"]} & set(repr(entries).replace("'", " ").split())


def test_a_failed_login_is_seen_by_whose_it_was(stack: Stack) -> None:
    name = f"dave-{uuid4().hex[:8]}"
    dave = Api.login(stack.gateway, name)
    control = f"http://127.0.0.1:{stack.member('identity-provider')['port']}/_local/accounts"
    changed = requests.put(f"{control}/{name}", json={"email_verified": False}, timeout=10)
    assert changed.ok
    with pytest.raises(ApiError, match="verified"):
        Api.login(stack.gateway, name)
    *_, entry = trail(dave, 3)
    assert (entry["action"], entry["outcome"]) == ("login_failed", "failure")
    assert (entry["service"], entry["address"]) == ("api-gateway", "127.0.0.1")


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("link-manager", "GET /links"),
        ("social-graph-manager", "POST /follow"),
        ("user-manager", "GET /audit"),
        ("link-checker", "POST /"),
        ("news-manager", "delinkcious.news.v1.News/GetNews"),
    ],
)
def test_a_call_that_a_service_refuses_is_recorded(stack: Stack, service: str, call: str) -> None:
    port, (method, _, path) = stack.member(service)["port"], call.partition(" ")
    if path:
        answer = requests.request(method, f"http://127.0.0.1:{port}{path}", timeout=10)
        assert answer.status_code == 401
    else:
        with (
            grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
            pytest.raises(grpc.RpcError) as refused,
        ):
            news_pb2_grpc.NewsStub(channel).GetNews(news_pb2.GetNewsRequest(), timeout=10)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED

    where = "outcome = 'refused' AND address = '127.0.0.1' AND details ->> 'call' = %s"
    wait_until(lambda: nobodys(stack, "call_refused", service, where, call), 15)


@pytest.mark.parametrize(
    ("service", "setting", "content", "new"),
    [
        ("link-manager", "max_links_per_user", "max_links_per_user: 99999\n", "99999"),
        ("api-gateway", "limits.checks", "limits: {checks: 599/minute}\n", "599/minute"),
    ],
)
def test_a_limit_that_changes_is_recorded(
    stack: Stack, service: str, setting: str, content: str, new: str
) -> None:
    file = stack.folder / "live" / f"{service}.yaml"
    before = file.read_text()
    file.write_text(content)
    try:
        where = "details ->> 'setting' = %s AND details ->> 'new' = %s"
        wait_until(lambda: nobodys(stack, "limits_changed", service, where, setting, new), 15)
    finally:
        file.write_text(before)


def nobodys(stack: Stack, action: str, service: str, where: str, *values: str) -> bool:
    """Tells whether the trail has an entry that concerns no account."""
    statement = f"""
        SELECT FROM audit
        WHERE action = %s AND service = %s AND username IS NULL AND {where}
    """
    with psycopg.connect(database_of(stack, "user_manager")) as connection:
        return connection.execute(statement.encode(), [action, service, *values]).rowcount > 0


def test_with_the_account_its_trail_is_gone(stack: Stack, user: User) -> None:
    carol = user("carol")
    carol.call("POST", "/v1/tokens", json={"name": "backup"})
    trail(carol, 3)
    deletion = carol.call("DELETE", "/v1/me", json={"username": carol.username})

    def left() -> list[tuple[Any, ...]]:
        with psycopg.connect(database_of(stack, "user_manager")) as connection:
            return connection.execute(
                "SELECT action, username, address, user_agent FROM audit"
                " WHERE username = %s OR details ->> 'deletion_id' = %s",
                [carol.username, deletion["id"]],
            ).fetchall()

    wait_until(lambda: left() == [("account_deleted", None, None, None)], 15)
