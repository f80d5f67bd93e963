"""What is private is seen by its owner alone: on the real stores, whichever way somebody looks."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from delinkcious.testing.waiting import wait_until
from tests.support.api import Api
from tests.support.stack import Stack

User = Callable[[str], Api]

NOT_ASKED = {"/v1/news/stream", "/login", "/login/authorized"}
"""What does not end, or leads elsewhere."""


@pytest.fixture
def mark() -> str:
    """What is in everything that is private."""
    return f"m{uuid4().hex}"


def test_what_is_private_is_nowhere_on_the_stores_either(
    stack: Stack, user: User, mark: str
) -> None:
    alice, bob, nobody = user("alice"), user("bob"), Api(stack.gateway)
    bob.follow(alice.username)
    url = f"https://{mark}.invalid/page"
    alice.add(url, title=mark, description=mark, tags=[mark], visibility="private")
    alice.call("POST", "/v1/tokens", json={"name": mark})
    file = {"data": f"url\nno-{mark}", "headers": {"Content-Type": "text/csv"}}
    started = alice.call("POST", "/v1/imports?format=csv", **file)
    alice.add("https://b.invalid/", title="the last of them")
    wait_until(lambda: [event["title"] for event in bob.news()] == ["the last of them"])
    things = {"username": alice.username, "import_id": started["id"]}
    for who in (bob, nobody):
        assert [asked for asked, told in looks(who, things, mark, url) if mark in told] == []
    assert len([asked for asked, told in looks(alice, things, mark, url) if mark in told]) > 10


def looks(
    who: Api, things: dict[str, Any], mark: str, url: str
) -> Iterator[tuple[tuple[str, Any], str]]:
    """Everything that somebody may ask, without filters and for just this, and the answer."""
    wanted = [
        *({"q": mark}, {"q": f"is:private {mark}"}, {"q": f"#{mark}"}, {"tag": mark}),
        *({"url_regex": mark}, {"title_regex": mark}, {"prefix": mark}, {"url": url}),
    ]
    given = {"secret": "x", "deletion_id": "x", **things}
    paths: dict[str, Any] = who.call("GET", "/openapi.json")["paths"]
    for path in (path for path in paths if "get" in paths[path] and path not in NOT_ASKED):
        parameters = {parameter["name"] for parameter in paths[path]["get"]["parameters"]}
        for query in ({}, *(each for each in wanted if parameters.issuperset(each))):
            told = who.send("GET", path.format(**given), params=query).text
            # A feed begins with what was asked for
            yield (path, query), told.partition("<entry>")[2] if path.endswith(".atom") else told
