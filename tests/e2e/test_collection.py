"""What people do with a whole collection: find, tag, change, mirror and subscribe to links."""

from collections.abc import Callable
from typing import Any

import feedparser
import pytest

from delinkcious.testing.waiting import wait_until
from tests.support.api import Api, ApiError
from tests.support.stack import Stack

User = Callable[[str], Api]
Page = Callable[..., str]


def titles(user: Api, path: str = "/v1/links", **query: Any) -> list[str]:
    return [link["title"] for link in user.call("GET", path, params=query)["links"]]


def tags(user: Api, **query: Any) -> dict[str, int]:
    answer = user.call("GET", "/v1/tags", params=query)
    return {tag["name"]: tag["count"] for tag in answer["tags"]}


def statuses(user: Api) -> set[str]:
    return {link["status"] for link in user.links()}


def test_links_are_found_by_words_tags_and_what_became_of_them(user: User, page: Page) -> None:
    alice, bob = user("alice"), user("bob")
    alice.add(page(), title="The event loop", description="of Python", tags=["Async"])
    alice.add(page(404), title="Loops in Go", tags=["go", "async"])
    alice.add(page(), title="Café", visibility="private")
    bob.add(page(), title="The event loop of Bob")
    wait_until(lambda: statuses(alice) == {"valid", "invalid"})

    assert titles(alice, q='"event loop" python') == ["The event loop"]
    assert titles(alice, q="loop*") == ["Loops in Go", "The event loop"]
    assert titles(alice, q="#async -go") == ["The event loop"]
    assert titles(alice, q="cafe OR is:invalid") == ["Café", "Loops in Go"]
    assert titles(alice, sort="title") == ["Café", "Loops in Go", "The event loop"]

    shown = f"/v1/users/{alice.username}/links"
    assert titles(bob, shown, q="cafe OR loop*") == ["Loops in Go", "The event loop"]
    assert titles(bob, shown, q="is:private") == []
    with pytest.raises(ApiError) as caught:
        titles(alice, q="(loop")
    (error,) = caught.value.problem["errors"]
    assert (error["field"], error["detail"][:14]) == ("q", "at position 6:")


def test_tags_are_counted_completed_renamed_and_deleted(user: User, page: Page) -> None:
    alice = user("alice")
    alice.add(page(), tags=["Python", "c++/qt"])
    alice.add(page(), tags=["python", "py"])
    assert tags(alice) == {"c++/qt": 1, "py": 1, "python": 2}
    assert tags(alice, prefix="PY") == {"py": 1, "python": 2}
    assert alice.call("PUT", "/v1/tags/py", json={"name": "Python"}) == {"links": 1}
    assert alice.call("PUT", "/v1/tags/c%2B%2B%2Fqt", json={"name": "日本 語"}) == {"links": 1}
    assert tags(alice) == {"python": 2, "日本 語": 1}
    assert alice.call("DELETE", "/v1/tags/日本 語") == {"links": 1}
    assert tags(alice) == {"python": 2}


def test_many_links_are_changed_checked_and_deleted_together(user: User, page: Page) -> None:
    alice, bob = user("alice"), user("bob")
    bob.follow(alice.username)
    urls = [page() for _ in range(3)]
    ids = [alice.add(url, tags=["new"])["id"] for url in urls]
    wait_until(lambda: statuses(alice) == {"valid"})
    before = {link["id"]: link["last_check"]["at"] for link in alice.links()}

    def bulk(**wanted: Any) -> Any:
        return alice.call("POST", "/v1/links/bulk", json=wanted)

    assert bulk(q="#new", add_tags=["read"], check=True)["checks"] == 3
    wait_until(lambda: all(link["last_check"]["at"] > before[link["id"]] for link in alice.links()))
    assert tags(alice) == {"new": 3, "read": 3}
    assert bulk(ids=[ids[0]], visibility="private")["changed"] == [ids[0]]
    assert sorted(bulk(q="is:public #read", delete=True)["deleted"]) == ids[1:]
    assert [link["id"] for link in alice.links()] == [ids[0]]

    def told() -> list[str]:
        events = bob.news(page_size=100)
        return sorted(e["url"] for e in events if e["event_type"] == "link_deleted")

    wait_until(lambda: set(urls[1:]) <= set(told()))


def test_a_collection_is_mirrored_by_its_changes(user: User, page: Page) -> None:
    alice = user("alice")
    for number in range(5):
        alice.add(page(), title=str(number))
    wait_until(lambda: statuses(alice) == {"valid"})
    mirror: dict[int, Any] = {}
    token = follow(alice, mirror)
    assert mirror == {link["id"]: link for link in alice.links()}

    gone, changed = alice.links()[:2]
    alice.delete(gone["url"])
    alice.update(changed["url"], title="new")
    added = alice.add(page(404), title="5")
    wait_until(lambda: statuses(alice) == {"valid", "invalid"})
    token = follow(alice, mirror, token)
    assert gone["id"] not in mirror
    assert (mirror[changed["id"]]["title"], mirror[added["id"]]["status"]) == ("new", "invalid")
    assert mirror == {link["id"]: link for link in alice.links()}
    assert follow(alice, mirror, token) == token


def follow(user: Api, mirror: dict[int, Any], since: str | None = None) -> str:
    """Brings a mirror up to date as a client does, two changes a page; returns its new token."""
    while True:
        page = user.call("GET", "/v1/changes", params={"since": since, "page_size": 2})
        for change in page["changes"]:
            if change["type"] == "deleted":
                mirror.pop(change["id"], None)
            else:
                mirror[change["link"]["id"]] = change["link"]
        since = str(page["next_token"])
        if not page["has_more"]:
            return since


def test_one_finds_out_whether_one_has_a_url_and_how_many_others_do(user: User, page: Page) -> None:
    alice, bob, carol = user("alice"), user("bob"), user("carol")
    url = page()

    def look_up(who: Api, spelling: str = url) -> tuple[Any, int]:
        found = who.call("GET", "/v1/links/lookup", params={"url": spelling})
        return (found["link"] or {}).get("status"), found["saved_by"]

    assert look_up(alice) == (None, 0)
    alice.add(url)
    carol.add(url, visibility="private")
    wait_until(lambda: look_up(alice) == ("valid", 1))
    assert look_up(alice, f"{url}?utm_source=feed#top") == ("valid", 1)
    assert look_up(carol) == ("valid", 1)
    assert look_up(bob) == (None, 1)


def test_a_link_without_a_title_gets_that_of_its_page(user: User, page: Page) -> None:
    alice, bob = user("alice"), user("bob")
    url, other = page(title="Größe & Maß"), page(title="Its own")
    assert alice.add(url)["title"] == ""
    alice.add(other, title="Mine")
    wait_until(lambda: statuses(alice) == {"valid"} and "" not in titles(alice))
    assert titles(alice) == ["Mine", "Größe & Maß"]
    assert titles(alice, q="grosse") == ["Größe & Maß"]
    assert bob.add(url)["title"] == "Größe & Maß"


def test_public_links_are_a_feed_that_is_sent_only_when_it_changes(
    stack: Stack, user: User, page: Page
) -> None:
    alice, reader = user("alice"), Api(stack.gateway)
    alice.add(page(), title="One", tags=["x"])
    alice.add(page(), title="Two")
    alice.add(page(), title="Secret", visibility="private")
    path = f"/v1/users/{alice.username}/links.atom"

    def read(**headers: str) -> tuple[int, list[str], str]:
        answer = reader.send("GET", path, headers=headers)
        entries = feedparser.parse(answer.content).entries if answer.content else []
        return answer.status_code, [entry.title for entry in entries], answer.headers["ETag"]

    status, entries, etag = read()
    assert (status, entries) == (200, ["Two", "One"])
    assert read(**{"If-None-Match": etag}) == (304, [], etag)
    alice.add(page(), title="Three")
    status, entries, new = read(**{"If-None-Match": etag})
    assert (status, entries, new != etag) == (200, ["Three", "Two", "One"], True)
    tagged = feedparser.parse(reader.send("GET", f"{path}?tag=X").content)
    assert [entry.title for entry in tagged.entries] == ["One"]
