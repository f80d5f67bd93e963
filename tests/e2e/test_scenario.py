"""What people do with the platform, from their first login to their news."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from delinkcious.testing.waiting import wait_until
from tests.support.api import Api, ApiError
from tests.support.stack import Stack

User = Callable[[str], Api]
Page = Callable[..., str]


def told(reader: Api) -> list[tuple[str, str, str, str]]:
    events = reader.news(page_size=100)
    return [(e["event_type"], e["username"], e["url"], e["title"]) for e in events]


def status(user: Api, url: str) -> Any:
    return (user.link(url) or {}).get("status")


def test_curl_alone_can_log_in(stack: Stack, tmp_path: Path) -> None:
    """The README's first command: one redirect after another, with a cookie jar."""
    jar = tmp_path / "jar"
    command = ["curl", "-sL", "-c", str(jar), "-H", "Accept: application/json"]
    answer = subprocess.run(
        [*command, f"{stack.gateway}/login?login=alice"], capture_output=True, check=True
    )
    opened = json.loads(answer.stdout)
    assert opened["username"] == "alice"
    assert opened["token_type"] == "Bearer"
    assert set(opened) == {"access_token", "token_type", "expires_at", "username", "name", "email"}
    assert Api(stack.gateway, opened["access_token"]).call("GET", "/v1/me")["username"] == "alice"


def test_followers_read_what_an_author_does(user: User, page: Page) -> None:
    alice, bob, carol = user("alice"), user("bob"), user("carol")
    bob.follow(alice.username)
    good, dead = page(200), page(404)

    added = alice.add(good, title="Good", tags=["Web"])
    assert added["status"] == "pending"
    assert alice.add(dead, title="Dead")["status"] == "pending"
    wait_until(
        lambda: (status(alice, good), status(alice, dead)) == ("valid", "invalid"), timeout=20
    )
    check = (alice.link(dead) or {})["last_check"]
    assert (check["outcome"], check["http_status"]) == ("not_found", 404)

    by = alice.username
    adds = [("link_added", by, dead, "Dead"), ("link_added", by, good, "Good")]
    wait_until(lambda: told(bob) == adds, timeout=2)

    alice.update(good, title="Better", add_tags=["x"], remove_tags=["web"])
    alice.delete(dead)
    # Of what is deleted, only that remains.
    later = [("link_deleted", by, dead, "Dead"), ("link_updated", by, good, "Better"), adds[1]]
    wait_until(lambda: told(bob) == later, timeout=2)
    assert told(carol) == []
    assert told(alice) == []


def test_a_private_link_is_in_nobodys_news_or_list(user: User, page: Page) -> None:
    alice, bob = user("alice"), user("bob")
    bob.follow(alice.username)
    secret, shown = page(), page()
    alice.add(secret, title="Secret", visibility="private")
    alice.update(secret, title="Still secret")
    alice.delete(secret)
    alice.add(secret, title="Secret again", visibility="private")
    alice.add(shown, title="Shown")
    wait_until(lambda: told(bob) == [("link_added", alice.username, shown, "Shown")])
    public = bob.call("GET", f"/v1/users/{alice.username}/links")["links"]
    assert [link["url"] for link in public] == [shown]
    assert {link["url"] for link in alice.links()} == {secret, shown}


def test_a_link_made_private_disappears_from_news(user: User, page: Page) -> None:
    alice, bob = user("alice"), user("bob")
    bob.follow(alice.username)
    url = page()
    alice.add(url, title="Oops")
    wait_until(lambda: len(told(bob)) == 1)
    alice.update(url, visibility="private")
    wait_until(lambda: told(bob) == [])


def test_news_and_links_come_page_by_page(user: User, page: Page) -> None:
    alice, bob = user("alice"), user("bob")
    bob.follow(alice.username)
    urls = [page() for _ in range(5)]
    for url in urls:
        alice.add(url)
    wait_until(lambda: len(told(bob)) == len(urls))
    assert all_pages(bob, "/v1/news", "events", "next_token") == urls[::-1]
    assert all_pages(alice, "/v1/links", "links", "next_page_token") == urls[::-1]


def all_pages(user: Api, path: str, items: str, next_: str) -> list[str]:
    seen: list[str] = []
    token = None
    while True:
        answer = user.call("GET", path, params={"page_size": 2, "start_token": token})
        seen += [item["url"] for item in answer[items]]
        token = answer[next_]
        if token is None:
            return seen


def test_the_social_graph_is_seen_from_both_sides(user: User) -> None:
    alice, bob = user("alice"), user("bob")
    bob.follow(alice.username)
    assert alice.call("GET", "/v1/followers")["followers"] == [bob.username]
    assert bob.call("GET", "/v1/following")["following"] == [alice.username]
    bob.unfollow(alice.username)
    assert bob.call("GET", "/v1/following")["following"] == []


def test_logging_out_ends_the_session_at_once(stack: Stack, user: User) -> None:
    alice = user("alice")
    other = Api.login(stack.gateway, alice.username)
    alice.links()
    alice.call("POST", "/logout")
    with pytest.raises(ApiError) as caught:
        alice.links()
    assert caught.value.status == 401
    assert other.links() == []


def test_an_api_token_works_until_it_is_revoked(stack: Stack, user: User) -> None:
    alice = user("alice")
    made = alice.call("POST", "/v1/tokens", json={"name": "backup script"})
    script = Api(stack.gateway, made["token"])
    assert script.call("GET", "/v1/me")["username"] == alice.username
    listed = alice.call("GET", "/v1/tokens")["tokens"]
    assert [token["name"] for token in listed] == ["backup script"]
    assert made["token"] not in str(listed)
    alice.call("DELETE", f"/v1/tokens/{made['id']}")
    with pytest.raises(ApiError) as caught:
        script.links()
    assert caught.value.status == 401


def test_the_tokens_may_come_in_either_header(stack: Stack, user: User) -> None:
    alice = user("alice")
    answer = Api(stack.gateway).send("GET", "/v1/me", headers={"Access-Token": alice.token})
    assert answer.json()["username"] == alice.username


def test_clients_of_the_original_may_send_query_parameters(user: User, page: Page) -> None:
    alice = user("alice")
    url = page()
    alice.call("POST", "/v1/links", params={"url": url, "title": "From the query"})
    alice.call("PUT", "/v1/links", data={"url": url, "description": "From a form"})
    link = alice.link(url) or {}
    assert (link["title"], link["description"]) == ("From the query", "From a form")


def test_everything_is_still_there_after_a_restart(stack: Stack, user: User, page: Page) -> None:
    """Ctrl-C and ``make run`` again."""
    alice, bob = user("alice"), user("bob")
    bob.follow(alice.username)
    url = page()
    alice.add(url, title="Kept")
    wait_until(lambda: status(alice, url) == "valid" and len(told(bob)) == 1)
    before = stack.processes()
    assert stack.stop() == 0
    assert not [process for process in before if process.is_running()]

    stack.start()
    alice, bob = (Api(stack.gateway, user.token, user.username) for user in (alice, bob))
    assert told(bob) == [("link_added", alice.username, url, "Kept")]
    assert bob.call("GET", "/v1/following")["following"] == [alice.username]
    assert status(alice, url) == "valid"
    assert Api.login(stack.gateway, alice.username).links() == alice.links()


def test_the_smoke_test_passes(stack: Stack) -> None:
    run = subprocess.run(
        ["make", "smoke_test", f"TARGET_URL={stack.gateway}"], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "smoke test passed" in run.stdout
