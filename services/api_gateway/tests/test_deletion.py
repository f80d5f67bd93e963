"""The end of an account: everything one has, and the deletion."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from api_gateway.app import Managers
from api_gateway.testing import Caller, Failing, FixedNews, fields
from delinkcious.errors import FailedPrecondition, Unavailable
from delinkcious.object_model.news import NewsEvent, NewsEventType
from delinkcious.object_model.users import GitHubIdentity, UserManager

from .conftest import Build

NEWS = NewsEvent(
    id="0199c2f4-7a31-7c5e-8d11-3f6f0b5a1c22",
    event_type=NewsEventType.LINK_ADDED,
    username="bob",
    url="https://example.com/",
    title="Example",
    timestamp=datetime(2026, 11, 20, tzinfo=UTC),
)


def delete(caller: Caller) -> str:
    """Deletes the caller's account and returns where its status is."""
    answer = caller.delete("/v1/me", json={"username": caller.username})
    assert answer.status_code == 202, answer.text
    return answer.headers["Location"]


def test_a_deletion_is_accepted_and_tells_how_far_it_is(alice: Caller) -> None:
    answer = alice.delete("/v1/me", json={"username": "Alice"})
    assert (answer.status_code, answer.is_json) == (202, True)
    assert answer.json is not None
    assert answer.json["status"] == "running"
    assert set(answer.json["services"]) == {"link-manager", "news-manager", "social-graph-manager"}
    assert answer.headers["Location"] == f"/v1/deletions/{answer.json['id']}"
    shown = alice.http.get(answer.headers["Location"])
    assert (shown.status_code, shown.json) == (200, answer.json)
    assert "alice" not in shown.text


@pytest.mark.parametrize(
    "confirmation", [{}, {"json": {}}, {"json": {"username": "bob"}}, {"json": {"username": None}}]
)
def test_without_the_right_confirmation_nothing_is_deleted(
    alice: Caller, confirmation: dict[str, object]
) -> None:
    answer = alice.delete("/v1/me", **confirmation)
    assert (answer.status_code, fields(answer)) == (400, ["username"])
    assert alice.get("/v1/me").status_code == 200


def test_the_cookie_alone_deletes_nothing(alice: Caller) -> None:
    cookie = {"Cookie": f"session={alice.token}"}
    answer = alice.http.delete("/v1/me", json={"username": "alice"}, headers=cookie)
    assert answer.status_code == 401
    assert alice.get("/v1/me").status_code == 200


def test_sessions_tokens_and_the_secret_address_are_dead_at_once(
    alice: Caller, users: UserManager
) -> None:
    token = users.create_token("alice", "backup").token
    headers = {"Authorization": f"Bearer {token}"}
    assert alice.http.get("/v1/me", headers=headers).status_code == 200  # and is remembered
    made = alice.post("/v1/news/feed").json
    assert made is not None
    feed = made["url"].partition("/v1/")[2]
    assert alice.http.get(f"/v1/{feed}").status_code == 200
    delete(alice)
    assert alice.get("/v1/me").status_code == 401
    assert alice.http.get("/v1/links", headers=headers).status_code == 401
    assert alice.http.get(f"/v1/{feed}").status_code == 404
    again = alice.delete("/v1/me", json={"username": "alice"})
    assert again.status_code == 401


def test_nobody_finds_the_user_any_more(alice: Caller, bob: Caller) -> None:
    alice.add("https://example.com/")
    assert bob.get("/v1/users/alice/links").status_code == 200
    delete(alice)
    assert bob.get("/v1/users/alice/links").status_code == 404
    assert bob.get("/v1/users/alice/links.atom").status_code == 404
    assert bob.post("/v1/following", json={"username": "alice"}).status_code == 404


def test_others_are_not_touched(alice: Caller, bob: Caller) -> None:
    bob.add("https://example.com/")
    delete(alice)
    assert bob.get("/v1/me").status_code == 200
    assert len(bob.links()) == 1


def test_meanwhile_a_login_is_told_to_wait(alice: Caller, users: UserManager) -> None:
    delete(alice)
    number = sum(map(ord, "alice"))
    with pytest.raises(FailedPrecondition, match="being deleted"):
        users.register(GitHubIdentity(number, "alice", "", ""))


@pytest.mark.parametrize("deletion_id", ["x", "6f9619ff-8b86-4011-b42d-00c04fc964ff", "1" * 500])
def test_a_deletion_that_is_not_there_is_not_found(alice: Caller, deletion_id: str) -> None:
    assert alice.http.get(f"/v1/deletions/{deletion_id}").status_code == 404


def test_the_export_has_everything(
    alice: Caller, bob: Caller, news: FixedNews, users: UserManager
) -> None:
    token = users.create_token("alice", "backup").token
    added = alice.add("https://example.com/private", visibility="private", tags=["a"])
    alice.post("/v1/following", json={"username": "bob"})
    bob.post("/v1/following", json={"username": "alice"})
    alice.post("/v1/imports", data=b"<DL>", content_type="text/html")
    news.events.append(NEWS)
    answer = alice.get("/v1/me/export")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    document = answer.json
    assert document is not None
    assert document["account"]["email"] == "alice@example.com"
    assert [link["url"] for link in document["links"]] == [added["url"]]
    assert (document["following"], document["followers"]) == (["bob"], ["bob"])
    assert [each["name"] for each in document["tokens"]] == ["backup"]
    assert len(document["sessions"]) == 1
    assert len(document["imports"]) == 1
    assert [event["id"] for event in document["news"]] == [NEWS.id]
    for secret in (token, alice.token):
        assert secret not in answer.text


def test_the_export_of_who_has_nothing_is_a_document_too(alice: Caller) -> None:
    document = alice.get("/v1/me/export").json
    assert document is not None
    lists = ("tokens", "following", "followers", "links", "imports", "news")
    assert [document[name] for name in lists] == [[]] * len(lists)


def test_the_export_goes_through_all_pages(alice: Caller, news: FixedNews) -> None:
    news.events = [replace(NEWS, title=str(number)) for number in range(2500)]
    document = alice.get("/v1/me/export").json
    assert document is not None
    assert [event["title"] for event in document["news"]] == [str(n) for n in range(2500)]


def test_the_export_is_a_file_to_keep(alice: Caller) -> None:
    headers = alice.get("/v1/me/export").headers
    name = f"delinkcious-account-alice-{datetime.now(UTC):%Y-%m-%d}.json"
    assert headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert headers["Cache-Control"] == "no-store"


def test_nobody_exports_anything_without_a_token(alice: Caller) -> None:
    assert alice.http.get("/v1/me/export").status_code == 401


def test_an_export_that_cannot_begin_is_a_problem(
    build: Build, managers: Managers, caller: Callable[[str], Caller]
) -> None:
    alice = caller("alice")
    failing: UserManager = _Partly(managers.users)
    http = build(replace(managers, users=failing)).test_client()
    headers = {"Authorization": f"Bearer {alice.token}"}
    assert http.get("/v1/me/export", headers=headers).status_code == 503


class _Partly(Failing):
    """A user service that authenticates and does nothing else."""

    def __init__(self, users: UserManager) -> None:
        super().__init__(Unavailable("user-manager does not answer."))
        self.authenticate = users.authenticate
