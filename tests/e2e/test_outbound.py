"""What links may lead to, on the whole platform: changed while it runs, and recorded."""

import re
from collections.abc import Callable, Iterator

import pytest

from delinkcious.testing.waiting import wait_until
from tests.support.api import Api
from tests.support.outbound import REFUSED_WHEN_ADDED, REFUSED_WHEN_CHECKED
from tests.support.stack import Stack

READINGS = "delinkcious_live_configuration_readings_total"
APPLIED = re.compile(READINGS + r'{outcome="applied"} (\d+)')


def _applied(stack: Stack, role: str) -> int:
    metrics = stack.management("link-checker", role, "/metrics").text
    found = APPLIED.search(metrics)
    return int(found[1]) if found else 0


def _change(stack: Stack, content: str) -> None:
    """Changes the live settings of the link checker, and waits until its processes know them."""
    before = {role: _applied(stack, role) for role in ("serve", "work")}
    (stack.folder / "live" / "link-checker.yaml").write_text(content)
    wait_until(lambda: all(_applied(stack, role) > number for role, number in before.items()))


@pytest.fixture
def closed(stack: Stack) -> Iterator[None]:
    """Takes back that checks may reach this machine, as long as the test runs."""
    pids = {role: stack.pid("link-checker", role) for role in ("serve", "work")}
    _change(stack, "allowed_networks: []  # nothing but the public web")
    yield
    _change(stack, "# as the environment says")
    assert pids == {role: stack.pid("link-checker", role) for role in ("serve", "work")}


@pytest.mark.usefixtures("closed")
def test_no_link_leads_where_it_must_not_and_that_is_recorded(
    user: Callable[[str], Api], page: Callable[..., str]
) -> None:
    mallory = user("mallory")
    for url in REFUSED_WHEN_ADDED:
        refused = mallory.send("POST", "/v1/links", json={"url": url})
        assert (refused.status_code, url) == (400, url)
        assert [error["field"] for error in refused.json()["errors"]] == ["url"]
    running = page()
    for url in (running, *REFUSED_WHEN_CHECKED):
        saved = mallory.send("POST", "/v1/links", json={"url": url})
        assert saved.status_code in {201, 409}, url  # 409: another spelling of one before

    def checks() -> list[dict[str, str]] | None:
        links = mallory.links(page_size=1000)
        assert len(links) > 150
        found = [link["last_check"] for link in links]
        return found if all(found) else None

    outcomes = {check["outcome"] for check in wait_until(checks, timeout=30)}
    assert outcomes == {"forbidden_address"}
    for link in mallory.links(page_size=1000):  # or they are checked again, before others
        mallory.delete(link["url"])


def test_what_is_allowed_again_is_reached_again(
    user: Callable[[str], Api], page: Callable[..., str]
) -> None:
    """The platform of the tests allows this machine, and that is so again after the test above."""
    alice = user("alice")
    url = page(title="Hello")
    alice.add(url)
    wait_until(lambda: (alice.link(url) or {}).get("status") == "valid", timeout=30)
