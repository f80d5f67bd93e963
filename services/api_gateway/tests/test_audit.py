"""The audit trail: what the gateway has recorded, from where, and what users see of theirs."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from api_gateway.github import Authorization, NoVerifiedEmail
from api_gateway.testing import Caller, fields
from delinkcious.audit import RECORDED, Act, Action, Origin
from delinkcious.errors import Unauthenticated, Unavailable
from delinkcious.http.app import RestApp
from delinkcious.messaging.event import Event
from delinkcious.object_model.users import GitHubIdentity
from delinkcious.testing.audit import RecordedActs
from user_service.audit import AuditTrail
from user_service.memory import InMemoryUserStore

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


# Failed logins


@dataclass
class Provider:
    """An `IdentityProvider` that vouches for Alice, or fails."""

    error: Exception | None = None

    def authorize(self, redirect_uri: str, login: str | None) -> Authorization:
        return Authorization("https://github.example/", "the-state", "the-verifier")

    def identify(self, code: str, code_verifier: str, redirect_uri: str) -> GitHubIdentity:
        if self.error:
            raise self.error
        return GitHubIdentity(510, "alice", "Alice", "alice@example.com")


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def log_in(app: RestApp) -> Callable[[str], TestResponse]:
    """Comes back from GitHub with an answer, in the browser in which the login began."""

    def come_back(answer: str) -> TestResponse:
        http = app.test_client()
        http.get("/login")
        return http.get(f"/login/authorized?{answer}", environ_base=HOME)

    return come_back


GOOD = "state=the-state&code=x"


def test_a_login_that_succeeds_is_the_user_services_to_record(
    log_in: Callable[[str], TestResponse],
    recorder: RecordedActs,
    user_store: InMemoryUserStore,
) -> None:
    assert log_in(GOOD).status_code == 200
    assert recorder.acts == []
    told = [entry.data for entry in user_store.events if entry.subject == RECORDED]
    assert [data["action"] for data in told] == ["account_created", "logged_in"]
    assert {data["address"] for data in told} == {"203.0.113.7"}


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        ("state=forged&code=x", None, "state: is not of a login that began in this browser"),
        ("state=the-state&error=access_denied", None, "You told GitHub not to let you log in"),
        ("state=the-state&error=redirect_uri_mismatch", None, "GitHub does not let this"),
        ("state=the-state", None, "code: is required"),
        (GOOD, Unavailable("GitHub does not answer."), "GitHub does not answer."),
        (GOOD, Unauthenticated("The code is used."), "The code is used."),
    ],
)
def test_a_failed_login_is_recorded_with_why_and_from_where(
    log_in: Callable[[str], TestResponse],
    provider: Provider,
    recorder: RecordedActs,
    answer: str,
    error: Exception | None,
    reason: str,
) -> None:
    provider.error = error
    assert log_in(answer).status_code in {400, 401, 503}
    [act] = recorder.acts
    assert (act.action, act.outcome, act.github_id) == ("login_failed", "failure", None)
    assert str(act.details["reason"]).startswith(reason)
    assert (act.origin.address, act.origin.user_agent) == ("203.0.113.7", "Firefox")
    assert "the-state" not in repr(act)


def test_whose_it_was_sees_it_if_github_has_said_so(
    caller: Callable[[str], Caller],
    log_in: Callable[[str], TestResponse],
    provider: Provider,
    recorder: RecordedActs,
    trail: AuditTrail,
) -> None:
    alice = caller("alice")
    provider.error = NoVerifiedEmail(sum(map(ord, "alice")))
    assert log_in(GOOD).status_code == 403
    asyncio.run(trail.record(recorder.acts[0].to_event("api-gateway")))
    [entry] = entries(alice.get("/v1/me/audit"))
    assert (entry["action"], entry["outcome"]) == ("login_failed", "failure")
    assert "no verified primary e-mail address" in entry["details"]["reason"]


def test_what_fails_after_github_has_vouched_names_the_user_too(
    alice: Caller,
    log_in: Callable[[str], TestResponse],
    recorder: RecordedActs,
) -> None:
    """Such as a login while the account is being deleted."""
    alice.delete("/v1/me", json={"username": "alice"})
    assert log_in(GOOD).status_code == 409
    assert [(act.action, act.github_id) for act in recorder.acts] == [("login_failed", 510)]
