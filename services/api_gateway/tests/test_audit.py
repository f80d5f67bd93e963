"""The audit trail: what the gateway has recorded, from where, and what users see of theirs."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from api_gateway.testing import Caller, fields
from delinkcious.audit import RECORDED, Act, Action, Origin
from delinkcious.messaging.event import Event
from delinkcious.testing.audit import RecordedActs
from user_service.audit import AuditTrail

HOME = {"REMOTE_ADDR": "203.0.113.7", "HTTP_USER_AGENT": "Firefox"}


def note(trail: AuditTrail, username: str, action: Action, seconds_ago: int = 0) -> None:
    """Has the trail take in what a service tells it."""
    act = Act(action=action, username=username, origin=Origin.of("203.0.113.7", "Firefox"))
    told = act.to_event("user-manager")
    at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    event = Event(type=RECORDED, source=told.source, key=told.key, data=told.data, time=at)
    asyncio.run(trail.record(event))


def entries(response: TestResponse) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    assert response.json is not None
    found: list[dict[str, Any]] = response.json["entries"]
    return found


def test_users_see_what_was_done_with_their_account_newest_first(
    alice: Caller, bob: Caller, trail: AuditTrail
) -> None:
    note(trail, "alice", Action.LOGGED_IN, seconds_ago=2)
    note(trail, "alice", Action.TOKEN_CREATED, seconds_ago=1)
    note(trail, "bob", Action.LOGGED_IN)
    shown = entries(alice.get("/v1/me/audit"))
    assert [entry["action"] for entry in shown] == ["token_created", "logged_in"]
    assert {entry["address"] for entry in shown} == {"203.0.113.7"}
    assert [entry["action"] for entry in entries(bob.get("/v1/me/audit"))] == ["logged_in"]


def test_it_comes_in_pages(alice: Caller, trail: AuditTrail) -> None:
    for ago in range(3):
        note(trail, "alice", Action.LOGGED_IN, seconds_ago=ago)
    first = alice.get("/v1/me/audit?page_size=2")
    assert first.json is not None
    token = first.json["next_page_token"]
    rest = alice.get("/v1/me/audit", query_string={"start_token": token})
    assert rest.json is not None
    assert (len(entries(first)), len(entries(rest))) == (2, 1)
    assert rest.json["next_page_token"] is None


@pytest.mark.parametrize("query", ["start_token=x", "page_size=0", "page_size=1001"])
def test_a_wrong_page_is_named(alice: Caller, query: str) -> None:
    response = alice.get(f"/v1/me/audit?{query}")
    assert (response.status_code, fields(response)) == (400, [query.partition("=")[0]])


def test_nobody_else_sees_it(alice: Caller) -> None:
    assert alice.http.get("/v1/me/audit").status_code == 401


def test_the_export_of_an_account_has_it(alice: Caller, trail: AuditTrail) -> None:
    note(trail, "alice", Action.LOGGED_IN)
    document = alice.get("/v1/me/export").json
    assert document is not None
    assert [entry["action"] for entry in document["audit"]] == ["logged_in"]


def test_with_the_account_it_is_gone(alice: Caller, trail: AuditTrail) -> None:
    note(trail, "alice", Action.LOGGED_IN)
    assert alice.delete("/v1/me", json={"username": "alice"}).status_code == 202
    assert trail.get_audit("alice").entries == []


@pytest.mark.parametrize(
    ("path", "action", "details"),
    [
        ("/v1/export?format=csv", Action.LINKS_EXPORTED, {"format": "csv"}),
        ("/v1/me/export", Action.ACCOUNT_EXPORTED, {}),
    ],
)
def test_an_export_is_recorded_with_where_it_went(
    alice: Caller, recorder: RecordedActs, path: str, action: Action, details: dict[str, str]
) -> None:
    assert alice.get(path, environ_base=HOME).status_code == 200
    [act] = recorder.acts
    assert (act.action, act.username, act.outcome) == (action, "alice", "success")
    assert (act.origin.address, act.origin.user_agent) == ("203.0.113.7", "Firefox")
    assert act.details == details


def test_an_export_that_is_refused_took_nothing_along(
    alice: Caller, recorder: RecordedActs
) -> None:
    assert alice.get("/v1/export?q=(").status_code == 400
    assert recorder.acts == []


def test_a_forged_address_is_not_believed(alice: Caller, recorder: RecordedActs) -> None:
    forged = {
        "X-Forwarded-For": "198.51.100.1",
        "Forwarded": "for=198.51.100.1",
        "Delinkcious-Client-Address": "198.51.100.1",
    }
    alice.get("/v1/export", headers=forged, environ_base=HOME)
    assert recorder.acts[0].origin.address == "203.0.113.7"
