"""What the platform does while parts of it are missing, and when they come back."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from threading import Event
from time import monotonic
from typing import Any, TypeVar

import pytest
import requests

from delinkcious.testing.waiting import wait_until
from tests.support.api import Api, ApiError
from tests.support.stack import Stack

User = Callable[[str], Api]
Page = Callable[..., str]

T = TypeVar("T")

Outage = Callable[..., AbstractContextManager[None]]

RECOVERY = 30

NEEDS = [
    ("postgres", "link-manager", "serve", "link-db"),
    ("postgres", "link-manager", "work", "link-db"),
    ("postgres", "social-graph-manager", "serve", "social-graph-db"),
    ("postgres", "user-manager", "serve", "user-db"),
    ("redis", "news-manager", "serve", "redis"),
    ("redis", "news-manager", "work", "redis"),
    ("nats", "link-manager", "work", "nats"),
    ("nats", "link-checker", "work", "nats"),
    ("nats", "news-manager", "work", "nats"),
]


@pytest.fixture(scope="module", autouse=True)
def caught_up(stack: Stack, web: str) -> Iterator[None]:
    """Leaves a platform that owes nobody anything: what an outage held up is delivered again in
    its time, and the checks of one host take turns.
    """
    yield
    user, last = Api.login(stack.gateway, "outages"), f"{web}/200/the-last-one"
    user.add(last)
    wait_until(lambda: (user.link(last) or {})["status"] == "valid", timeout=60)


@contextmanager
def stopped(stack: Stack, *names: tuple[str, str]) -> Iterator[None]:
    """Stops parts of the platform for a block, then waits until all is well again."""
    stack.control("stop", *names)
    try:
        yield
    finally:
        stack.control("start", *names)
        wait_until(stack.all_ready, timeout=RECOVERY)


@contextmanager
def frozen(stack: Stack, *names: tuple[str, str]) -> Iterator[None]:
    """Freezes parts of the platform for a block, then waits until all is well again."""
    thaw = stack.freeze(*names)
    try:
        yield
    finally:
        thaw()
        wait_until(stack.all_ready, timeout=RECOVERY)


@pytest.mark.parametrize("outage", [stopped, frozen])
@pytest.mark.parametrize("server", ["postgres", "redis", "nats"])
def test_whoever_needs_a_missing_server_says_so_and_recovers(
    stack: Stack, server: str, outage: Outage
) -> None:
    needs = [need[1:] for need in NEEDS if need[0] == server]
    with outage(stack, (server, "")), ThreadPoolExecutor(len(needs)) as threads:
        for done in [threads.submit(says_what_it_misses, stack, *need) for need in needs]:
            done.result()


def says_what_it_misses(stack: Stack, name: str, role: str, what: str) -> None:
    answer = wait_until(partial(not_ready, stack, name, role), timeout=RECOVERY)
    assert what in answer["reason"]
    assert answer["dependencies"][what]["ok"] is False
    assert stack.management(name, role, "/healthz").status_code == 200


def not_ready(stack: Stack, name: str, role: str) -> dict[str, Any] | None:
    answer = stack.readiness(name, role)
    return answer if answer.get("status") == "not ready" else None


def test_links_are_saved_and_read_while_everything_else_is_missing(
    stack: Stack, user: User, page: Page
) -> None:
    alice, bob = user("alice"), user("bob")
    bob.follow(alice.username)
    url = page()
    others = [
        ("nats", ""),
        ("redis", ""),
        ("news-manager", "serve"),
        ("news-manager", "work"),
        ("social-graph-manager", "serve"),
        ("social-graph-manager", "work"),
        ("link-checker", "work"),
        ("link-checker", "serve"),
    ]
    with stopped(stack, *others):
        assert alice.add(url, title="Saved all the same")["status"] == "pending"
        assert [link["url"] for link in alice.links()] == [url]
        alice.update(url, title="Changed, too")
    wait_until(lambda: (alice.link(url) or {})["status"] == "valid", timeout=RECOVERY)
    # To follow an author brings the latest links, maybe before what is told of them.

    def is_told() -> bool:
        news = bob.news()
        return [event["event_type"] for event in news] == ["link_updated", "link_added"]

    wait_until(is_told, timeout=RECOVERY)
    assert bob.news()[0]["title"] == "Changed, too"


@pytest.mark.parametrize("outage", [stopped, frozen])
def test_a_dead_neighbour_gives_a_clear_answer_quickly(
    stack: Stack, user: User, outage: Outage
) -> None:
    alice = user("alice")
    alice.links()
    with outage(stack, ("postgres", "")):
        started = monotonic()
        with pytest.raises(ApiError) as caught:
            alice.links()
        assert caught.value.status == 503
        assert monotonic() - started < 15
    wait_until_served(alice)
    assert alice.links() == []


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("postgres", ""),
        ("redis", ""),
        ("nats", ""),
        ("link-manager", "serve"),
        ("link-manager", "work"),
        ("social-graph-manager", "serve"),
        ("user-manager", "serve"),
        ("news-manager", "serve"),
        ("news-manager", "work"),
        ("link-checker", "work"),
        ("api-gateway", "serve"),
    ],
)
def test_killing_any_process_heals_without_touching_the_others(
    stack: Stack, user: User, page: Page, name: str, role: str
) -> None:
    before = pids(stack)
    stack.kill(name, role or "serve")
    wait_until(stack.all_ready, timeout=RECOVERY)
    after = pids(stack)
    assert {key for key in before if before[key] != after[key]} == {(name, role)}
    alice = wait_until(partial(unless_unavailable, partial(user, "alice")), timeout=RECOVERY)
    bob = user("bob")
    wait_until_served(alice)
    bob.follow(alice.username)
    url = page()
    alice.add(url)
    wait_until(lambda: (alice.link(url) or {})["status"] == "valid", timeout=RECOVERY)
    wait_until(lambda: [event["url"] for event in bob.news()] == [url], timeout=RECOVERY)


def wait_until_served(user: Api) -> None:
    """Waits until the gateway asks every service again, which it does not for a moment after it got
    no answer.
    """
    for call in (user.links, user.news, partial(user.call, "GET", "/v1/followers")):
        wait_until(partial(unless_unavailable, partial(done, call)), timeout=RECOVERY)


def done(call: Callable[[], object]) -> bool:
    call()
    return True


def unless_unavailable(call: Callable[[], T]) -> T | None:
    """Returns what a call returns, or None when it is answered 503."""
    try:
        return call()
    except ApiError as error:
        if error.status != requests.codes.service_unavailable:
            raise
        return None


def pids(stack: Stack) -> dict[tuple[str, str], int]:
    content = stack.read()
    processes = {(p["name"], p["role"]): p["pid"] for p in content["processes"]}
    return processes | {(name, ""): s["pid"] for name, s in content["servers"].items()}


def test_stopping_a_gateway_under_load_loses_no_accepted_request(stack: Stack, user: User) -> None:
    """Requests are repeated only when the connection was refused: not sent, so not accepted."""
    alice = user("alice")
    pid = stack.pid("api-gateway")
    enough = Event()
    with ThreadPoolExecutor(4) as clients:
        load = [clients.submit(add_links, alice, number, enough) for number in range(4)]
        try:
            wait_until(lambda: len(alice.links(page_size=1000)) > 50)
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: stack.pid("api-gateway") not in {pid, 0}, timeout=RECOVERY)
            wait_until(lambda: stack.ready("api-gateway"), timeout=RECOVERY)
        finally:
            enough.set()
        added = {url for done in load for url in done.result()}
    assert {link["url"] for link in alice.links(page_size=1000)} == added
    assert "api-gateway serve ended (exit status 0)" in stack.log()


def add_links(user: Api, number: int, enough: Event) -> list[str]:
    """Adds links one after another over one connection until it is enough, 200 at most."""
    added: list[str] = []
    with requests.Session() as session:
        while len(added) < 200 and not enough.is_set():
            url = f"http://{number}.example/{len(added)}"
            answer = until_accepted(session, user, url)
            assert answer.status_code == 201, answer.text
            added.append(url)
    return added


def until_accepted(session: requests.Session, user: Api, url: str) -> requests.Response:
    while True:
        try:
            return session.post(
                f"{user.base}/v1/links",
                json={"url": url},
                headers={"Authorization": f"Bearer {user.token}"},
                timeout=30,
            )
        except requests.ConnectionError as error:
            if not refused(error):
                raise


def refused(error: BaseException | None) -> bool:
    """Tells whether the reason, however deep, is that nobody listened."""
    while error is not None:
        if isinstance(error, ConnectionRefusedError):
            return True
        reason = getattr(error.args[0], "reason", None) if error.args else None
        error = error.__cause__ or error.__context__ or reason
    return False
