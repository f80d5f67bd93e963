"""Searches by regular expressions and changes of many links take long: nobody has many at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
from werkzeug.test import TestResponse

from api_gateway.app import Managers
from api_gateway.testing import Caller
from delinkcious.http.app import RestApp
from delinkcious.object_model.links import LinkPage, LinkQuery
from delinkcious.testing.waiting import wait_until

BY_REGEX = "/v1/links?title_regex=a"
OF_ALICE = "/v1/users/alice/links?url_regex=a"

Build = Callable[[Managers], RestApp]


class Slow:
    """Links that take long, until `done`, to search by regular expressions or change together."""

    def __init__(self) -> None:
        self.under_way = 0
        self.done = Event()

    def get_links(self, query: LinkQuery) -> LinkPage:
        if query.by_regex:
            self._take_long()
        return LinkPage(b'{"links":[],"next_page_token":null}')

    def rename_tag(self, _username: str, _name: str, _new_name: str) -> int:
        return self._take_long()

    def _take_long(self) -> int:
        self.under_way += 1
        self.done.wait(10)
        return 1


@pytest.fixture
def links() -> Slow:
    return Slow()


@pytest.fixture
def app(build: Build, managers: Managers, links: Slow) -> RestApp:
    slow: Any = links
    return build(replace(managers, links=slow))


@contextmanager
def taking_long(links: Slow, *calls: Callable[[], Any]) -> Iterator[list[Future[Any]]]:
    """Has calls under way during the block."""
    with ThreadPoolExecutor(len(calls)) as threads:
        answers = [threads.submit(call) for call in calls]
        wait_until(lambda: links.under_way == len(calls))
        try:
            yield answers
        finally:
            links.done.set()


def test_a_user_has_one_at_a_time(links: Slow, alice: Caller, bob: Caller) -> None:
    with taking_long(links, lambda: alice.get(BY_REGEX)) as (first,):
        second = alice.get(OF_ALICE)
        assert (second.status_code, second.headers["Retry-After"]) == (429, "5")
        assert alice.get("/v1/links").status_code == 200
    assert first.result().status_code == 200
    assert alice.get(BY_REGEX).status_code == 200


CHANGES = [
    lambda caller: caller.put("/v1/tags/a", json={"name": "b"}),
    lambda caller: caller.delete("/v1/tags/a"),
    lambda caller: caller.post("/v1/links/bulk", json={"ids": [1], "add_tags": ["a"]}),
]


@pytest.mark.parametrize("change", CHANGES, ids=["rename a tag", "delete a tag", "many links"])
def test_a_user_changes_many_links_once_at_a_time(
    links: Slow, alice: Caller, change: Callable[[Caller], TestResponse]
) -> None:
    with taking_long(links, lambda: alice.put("/v1/tags/x", json={"name": "y"})) as (first,):
        assert change(alice).status_code == 429
        assert alice.get("/v1/links").status_code == 200
    assert first.result().status_code == 200


def test_all_together_have_a_few(
    links: Slow, alice: Caller, bob: Caller, caller: Callable[[str], Caller]
) -> None:
    carol = caller("carol")
    with taking_long(links, lambda: alice.get(BY_REGEX), lambda: bob.get(OF_ALICE)):
        assert carol.get(BY_REGEX).status_code == 503
        assert carol.get("/v1/links").status_code == 200
    assert carol.get(BY_REGEX).status_code == 200
