"""Thousands of checks are due, and one host does not answer: the others do not wait for it."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from delinkcious.database import Database
from delinkcious.object_model.links import CheckResult, LinkQuery, LinkStatus, NewLink
from link_service import metrics, schedule
from link_service.health import HealthRules
from link_service.manager import LinkManager
from link_service.postgres import PostgresLinkStore
from link_service.schedule import AT_ONCE, PATIENCE, PER_HOST, Schedule

pytestmark = pytest.mark.integration

SLOW = "slow.example"
BIG = "big.example"
DUE = 10_000


@pytest.fixture
def checks(database: Database) -> Schedule:
    return Schedule(database)


@pytest.fixture
def manager(database: Database) -> LinkManager:
    return LinkManager(PostgresLinkStore(database), 100)


def save(database: Database, host: str, number: int, *, due_for: timedelta) -> None:
    """Saves many URLs of a host, due one after the other."""
    with database.connection() as connection:
        connection.execute(
            "INSERT INTO urls (digest, url, host, check_due_at)"
            " SELECT sha256((%(host)s || n)::bytea), 'https://' || %(host)s || '/' || n, %(host)s,"
            " now() - %(due_for)s + n * interval '1 ms' FROM generate_series(1, %(number)s) n",
            {"host": host, "number": number, "due_for": due_for},
        )


def asked_hosts(database: Database) -> list[str]:
    """The hosts of which checks were asked for since this was last called."""
    with database.connection() as connection:
        rows = connection.execute(
            "WITH entry AS (DELETE FROM outbox RETURNING *)"
            " SELECT u.host FROM entry JOIN urls u ON u.id = (entry.data->>'url_id')::bigint"
            " ORDER BY position"
        )
        return [host for (host,) in rows]


def answer_all(database: Database, *, but: Iterable[str] = ()) -> None:
    with database.connection() as connection:
        connection.execute(
            "UPDATE urls SET check_asked_at = NULL, check_due_at = now() + interval '1 day'"
            " WHERE check_asked_at IS NOT NULL AND host <> ALL(%s)",
            [list(but)],
        )


def later(database: Database, by: timedelta) -> None:
    with database.connection() as connection:
        connection.execute(
            "UPDATE urls SET check_due_at = check_due_at - %(by)s,"
            " check_asked_at = check_asked_at - %(by)s",
            {"by": by},
        )


def due_of(database: Database, host: str) -> int:
    with database.connection() as connection:
        query = "SELECT count(*) FROM urls WHERE host = %s AND check_due_at <= now()"
        ((number,),) = connection.execute(query, [host]).fetchall()
    return int(number)


def test_a_host_that_does_not_answer_holds_up_nobody(
    database: Database, checks: Schedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """10,000 checks are due, those of the slow host first. All others are done at the pace of the
    rounds, while it never has more than its share.
    """
    monkeypatch.setattr(schedule, "AT_ONCE", 500)  # fewer rounds
    others = [f"host-{number}.example" for number in range(200)]
    save(database, SLOW, 5000, due_for=timedelta(days=2))
    for host in others:
        save(database, host, (DUE - 5000) // len(others), due_for=timedelta(days=1))
    done = 0
    for _ in range(15):
        assert checks.ask_for_checks() <= 500
        hosts = asked_hosts(database)
        done += len([host for host in hosts if host != SLOW])
        answer_all(database, but=[SLOW])
    assert done == 5000
    assert due_of(database, SLOW) == 5000 - PER_HOST


def test_a_host_that_answers_fast_does_not_take_it_all(
    database: Database, checks: Schedule
) -> None:
    save(database, BIG, 3000, due_for=timedelta(days=2))
    for number in range(AT_ONCE):
        save(database, f"small-{number}.example", 1, due_for=timedelta(days=1))
    for _ in range(2):
        checks.ask_for_checks()
        answer_all(database)
    assert due_of(database, BIG) == 3000 - 2 * PER_HOST
    assert set(asked_hosts(database)) == {
        BIG, *(f"small-{number}.example" for number in range(AT_ONCE)),
    }  # fmt: skip


def test_a_host_that_never_answered_is_tried_again(database: Database, checks: Schedule) -> None:
    save(database, SLOW, 10, due_for=timedelta(days=2))
    for _ in range(3):
        assert checks.ask_for_checks() == PER_HOST
        assert checks.ask_for_checks() == 0
        later(database, PATIENCE)


def test_what_somebody_waits_for_goes_ahead(
    database: Database, checks: Schedule, manager: LinkManager
) -> None:
    """However many are due and not answered: what is new, wanted, or to be confirmed."""
    for number in range(AT_ONCE + 5):
        save(database, f"other-{number}.example", 100, due_for=timedelta(days=2))
    assert checks.ask_for_checks() == AT_ONCE
    asked_hosts(database)
    wanted = manager.add_link("alice", NewLink("https://wanted.example/"))
    missing = manager.add_link("alice", NewLink("https://missing.example/"))
    now = datetime.now(UTC)
    manager.record_check(CheckResult(wanted.url, "ok", 200, now))
    manager.record_check(CheckResult(missing.url, "gone", 410, now))
    assert asked_hosts(database) == ["wanted.example", "missing.example"]
    manager.check_links("alice", url=wanted.url)
    later(database, timedelta(seconds=2))
    assert checks.ask_for_checks() == 2
    assert set(asked_hosts(database)) == {"wanted.example", "missing.example"}


def test_a_check_that_is_under_way_is_not_asked_for_again(
    database: Database, checks: Schedule, manager: LinkManager
) -> None:
    manager.add_link("alice", NewLink("https://wanted.example/"))
    assert manager.check_links("alice", url="https://wanted.example/") == 1
    assert checks.ask_for_checks() == 0


def test_every_result_is_followed_by_another_check(database: Database, checks: Schedule) -> None:
    """Also that of a link that nobody can say anything about: it does not stay pending unseen."""
    rules = HealthRules()
    clock = [datetime.now(UTC)]
    manager = LinkManager(
        PostgresLinkStore(database), 10, rules, clock=lambda: clock[0], luck=lambda: 0
    )
    link = manager.add_link("alice", NewLink("https://a.example/"))
    for outcome in ("blocked", "timeout", "gone", "gone", "dns", "ok", "moved"):
        clock[0] += timedelta(seconds=1)
        manager.record_check(CheckResult(link.url, outcome, None, clock[0]))
        asked_hosts(database)
        later(database, rules.healthy.at_most)
        assert checks.ask_for_checks() == 1
    assert manager.get_links(LinkQuery("alice")).links[0].status is LinkStatus.VALID


def test_what_is_due_and_since_when_is_measured(database: Database, checks: Schedule) -> None:
    save(database, SLOW, 10, due_for=timedelta(hours=1))
    checks.measure()
    assert metrics.DUE.labels("no")._value.get() == 10
    assert metrics.DUE.labels("yes")._value.get() == 0
    assert 3590 < metrics.OVERDUE.labels("no")._value.get() < 3700
    assert metrics.OVERDUE.labels("yes")._value.get() == 0
