"""What checks do to links, on the store in memory and on Postgres, with a clock of our own."""

from datetime import UTC, datetime, timedelta

import pytest

from delinkcious.errors import InvalidArgument, NotFound
from delinkcious.object_model.links import CheckResult, LastCheck, Link, LinkQuery, NewLink
from link_service import metrics
from link_service.health import HealthRules
from link_service.manager import LinkManager
from link_service.ports import LinkStore
from link_service.schedule import PER_HOST

from .conftest import Published

URL = "https://example.com/"
START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def wait(self, time: timedelta) -> None:
        self.now += time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def manager(store: LinkStore, clock: Clock) -> LinkManager:
    return LinkManager(store, 100, HealthRules(), clock=clock, luck=lambda: 0)


@pytest.fixture
def alices(manager: LinkManager) -> Link:
    """Alice's link, which Bob has as well."""
    manager.add_link("bob", NewLink(URL, "Bob's"))
    return manager.add_link("alice", NewLink(URL, "Alice's"))


def found(manager: LinkManager, clock: Clock, *outcomes: str, every: timedelta = SECOND) -> None:
    for outcome in outcomes:
        clock.wait(every)
        status = 200 if outcome == "ok" else None
        manager.record_check(CheckResult(URL, outcome, status, clock.now))


def link_of(manager: LinkManager, username: str) -> Link:
    return manager.get_links(LinkQuery(username)).links[0]


def statuses(manager: LinkManager) -> set[str]:
    return {link_of(manager, username).status.value for username in ("alice", "bob")}


@pytest.mark.usefixtures("alices")
class TestHealth:
    def test_a_missing_page_makes_links_invalid_when_it_is_confirmed(
        self, manager: LinkManager, clock: Clock
    ) -> None:
        found(manager, clock, "not_found")
        assert statuses(manager) == {"pending"}
        found(manager, clock, "not_found")
        assert statuses(manager) == {"invalid"}

    def test_the_same_result_told_twice_confirms_nothing(
        self, manager: LinkManager, clock: Clock
    ) -> None:
        result = CheckResult(URL, "not_found", 404, clock.now)
        for _ in range(2):
            manager.record_check(result)
            clock.wait(SECOND)
        assert statuses(manager) == {"pending"}

    def test_other_failures_take_hours(self, manager: LinkManager, clock: Clock) -> None:
        found(manager, clock, "timeout", "timeout", "timeout", "timeout")
        assert statuses(manager) == {"pending"}
        found(manager, clock, "dns", every=HOUR)
        assert statuses(manager) == {"invalid"}

    @pytest.mark.parametrize("outcome", ["ok", "moved"])
    def test_the_first_answer_makes_them_valid_again(
        self, manager: LinkManager, clock: Clock, outcome: str
    ) -> None:
        found(manager, clock, "gone", "gone", outcome)
        assert statuses(manager) == {"valid"}
        found(manager, clock, "gone")
        assert statuses(manager) == {"valid"}

    def test_being_blocked_leaves_them_as_they_are(
        self, manager: LinkManager, clock: Clock
    ) -> None:
        found(manager, clock, *["blocked"] * 20, every=HOUR)
        assert statuses(manager) == {"pending"}

    def test_the_last_check_tells_the_attempts(self, manager: LinkManager, clock: Clock) -> None:
        found(manager, clock, "timeout", "dns", "ok")
        for username in ("alice", "bob"):
            last = link_of(manager, username).last_check
            assert last == LastCheck("ok", 200, clock.now, attempts=3)
        found(manager, clock, "ok")
        last = link_of(manager, "alice").last_check
        assert last
        assert last.attempts == 1

    def test_a_check_from_the_future_does_not_hide_those_that_follow(
        self, manager: LinkManager, clock: Clock
    ) -> None:
        wrong_clock = clock.now + 1000 * HOUR
        manager.record_check(CheckResult(URL, "timeout", None, wrong_clock))
        found(manager, clock, "ok", every=HOUR)
        assert statuses(manager) == {"valid"}

    def test_checks_and_what_they_change_are_counted(
        self, manager: LinkManager, clock: Clock
    ) -> None:
        def counted() -> tuple[float, float]:
            recorded = metrics.RECORDED.labels("gone")._value.get()
            return recorded, metrics.CHANGED.labels("invalid")._value.get()

        before = counted()
        found(manager, clock, "gone", "gone", "gone")
        assert counted() == (before[0] + 3, before[1] + 1)


class TestAsking:
    def test_a_new_link_asks_for_a_check_and_the_second_to_its_url_for_none(
        self, manager: LinkManager, alices: Link, published: Published
    ) -> None:
        asked = [e.data["url"] for e in published() if e.subject == "links.check.requested"]
        assert asked == [URL]

    def test_many_new_links_to_one_host_wait_for_their_turn(
        self, manager: LinkManager, clock: Clock, published: Published
    ) -> None:
        def ask(first: int) -> int:
            for number in range(first, first + 10):
                manager.add_link("alice", NewLink(f"{URL}{number}", "titled"))
            manager.add_link("alice", NewLink(f"https://other.example/{first}", "titled"))
            requests = [e for e in published() if e.subject == "links.check.requested"]
            return len(requests)

        assert ask(0) == PER_HOST + 1
        assert ask(10) == PER_HOST + 2
        for number in range(PER_HOST):
            clock.wait(SECOND)
            manager.record_check(CheckResult(f"{URL}{number}", "ok", 200, clock.now))
        assert ask(20) == 2 * PER_HOST + 3


class TestChecksOnDemand:
    def test_links_are_named_by_url_or_by_ids(self, manager: LinkManager, alices: Link) -> None:
        assert manager.check_links("alice", url=f"{URL}#part") == 1
        assert manager.check_links("alice", ids=[alices.id, alices.id, 10**6]) == 1
        assert manager.check_links("alice", ids=[10**6]) == 0

    def test_those_of_others_are_not_there(self, manager: LinkManager, alices: Link) -> None:
        with pytest.raises(NotFound):
            manager.check_links("carol", url=URL)
        assert manager.check_links("carol", ids=[alices.id]) == 0

    @pytest.mark.parametrize(
        ("url", "ids", "field"),
        [
            (None, None, "url"),
            (URL, [1], "url"),
            ("nonsense", None, "url"),
            (None, [], "ids"),
            (None, list(range(101)), "ids"),
        ],
    )
    def test_what_names_none_is_refused(
        self, manager: LinkManager, url: str | None, ids: list[int] | None, field: str
    ) -> None:
        with pytest.raises(InvalidArgument) as caught:
            manager.check_links("alice", url=url, ids=ids)
        assert caught.value.violations[0].field == field
