"""Checks that nobody waits for, and deletions that are forgotten."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from delinkcious.config import PostgresAddress
from delinkcious.database import Database
from delinkcious.errors import Gone, Unavailable
from delinkcious.object_model.links import BulkChange, CheckResult, Link, NewLink
from delinkcious.testing.waiting import eventually, free_port
from link_service.manager import LinkManager
from link_service.postgres import PostgresLinkStore
from link_service.schedule import AT_ONCE, PATIENCE, TOMBSTONES_LIVE, Schedule

pytestmark = pytest.mark.integration

A_DAY = timedelta(days=1)
A_MOMENT = timedelta(seconds=10)


@pytest.fixture
def manager(database: Database) -> LinkManager:
    return LinkManager(PostgresLinkStore(database), max_links_per_user=100)


@pytest.fixture
def schedule(database: Database) -> Schedule:
    return Schedule(database)


def add(manager: LinkManager, name: object, title: str = "", username: str = "alice") -> Link:
    return manager.add_link(username, NewLink(f"https://{name}.example/", title))


def answer(manager: LinkManager, *names: object) -> None:
    for name in names:
        url = f"https://{name}.example/"
        manager.record_check(CheckResult(url, "ok", 200, datetime.now(UTC)))


def execute(database: Database, statement: str, *parameters: object) -> None:
    with database.connection() as connection:
        connection.execute(statement.encode(), parameters)


def later(database: Database, by: timedelta) -> None:
    """Lets time pass: everything that is known of times of checks is that much longer ago."""
    execute(
        database,
        "UPDATE urls SET check_due_at = check_due_at - %s, check_asked_at = check_asked_at - %s",
        by,
        by,
    )


def asked(database: Database) -> list[tuple[str, bool]]:
    """The names that checks were asked for since this was last called, and whether with titles."""
    with database.connection() as connection:
        rows = connection.execute(
            "WITH entry AS (DELETE FROM outbox RETURNING *) SELECT data FROM entry"
            " WHERE subject = 'links.check.requested' ORDER BY position"
        )
        events: list[dict[str, Any]] = [data for (data,) in rows]
    return [(e["url"][len("https://") : -len(".example/")], e["title_wanted"]) for e in events]


def names(database: Database) -> set[str]:
    return {name for name, _ in asked(database)}


@pytest.fixture
def due(manager: LinkManager, database: Database) -> list[str]:
    """Names of more links than may be asked for at once, each due a second after the one before."""
    found = [f"n{number}" for number in range(AT_ONCE * 2 + 5)]
    for place, name in enumerate(found):
        add(manager, name, "titled")
        execute(
            database,
            "UPDATE urls SET check_due_at = now() - interval '1 hour' + %s, check_asked_at = NULL,"
            " check_urgent = false WHERE url = %s",
            timedelta(seconds=place),
            f"https://{name}.example/",
        )
    asked(database)
    return found


class TestChecks:
    def test_a_new_link_asks_itself_and_again_if_nobody_answers(
        self, manager: LinkManager, schedule: Schedule, database: Database
    ) -> None:
        add(manager, "a", "titled")
        assert names(database) == {"a"}
        later(database, PATIENCE - A_MOMENT)
        assert schedule.ask_for_checks() == 0
        later(database, A_MOMENT)
        assert schedule.ask_for_checks() == 1
        assert names(database) == {"a"}

    def test_what_is_due_first_is_asked_for_first_and_not_all_at_once(
        self, schedule: Schedule, database: Database, due: list[str]
    ) -> None:
        assert schedule.ask_for_checks() == AT_ONCE
        assert names(database) == set(due[:AT_ONCE])
        assert schedule.ask_for_checks() == 0
        assert names(database) == set()

    def test_as_many_are_asked_for_as_are_answered(
        self, manager: LinkManager, schedule: Schedule, database: Database, due: list[str]
    ) -> None:
        schedule.ask_for_checks()
        asked(database)
        answer(manager, *due[:3])
        assert schedule.ask_for_checks() == 3
        assert names(database) == set(due[AT_ONCE : AT_ONCE + 3])

    def test_workers_together_ask_for_no_more(
        self, schedule: Schedule, database: Database, due: list[str]
    ) -> None:
        interrupted: Any = Interrupted(database, schedule.ask_for_checks)
        assert Schedule(interrupted).ask_for_checks() == AT_ONCE
        assert names(database) == set(due[:AT_ONCE])

    def test_what_nobody_answers_makes_room_and_is_asked_for_again(
        self, schedule: Schedule, database: Database, due: list[str]
    ) -> None:
        for expected in (due[:AT_ONCE], due[AT_ONCE : 2 * AT_ONCE]):
            assert schedule.ask_for_checks() == AT_ONCE
            assert names(database) == set(expected)
            later(database, PATIENCE)
        assert schedule.ask_for_checks() == AT_ONCE
        assert names(database) == set(due[2 * AT_ONCE :] + due[: AT_ONCE - 5])

    def test_what_was_answered_is_not_asked_for_again(
        self, manager: LinkManager, schedule: Schedule, database: Database
    ) -> None:
        add(manager, "a")
        answer(manager, "a")
        later(database, 2 * PATIENCE)
        assert schedule.ask_for_checks() == 0

    def test_what_somebody_wants_checked_is_due_whatever_was_found_before(
        self, manager: LinkManager, schedule: Schedule, database: Database
    ) -> None:
        link = add(manager, "a")
        answer(manager, "a")
        asked(database)
        manager.bulk_change("alice", BulkChange(ids=(link.id,), check=True))
        assert schedule.ask_for_checks() == 1
        assert names(database) == {"a"}
        answer(manager, "a")
        assert schedule.ask_for_checks() == 0

    def test_what_nobody_has_any_more_is_not_asked_for(
        self, manager: LinkManager, schedule: Schedule, database: Database
    ) -> None:
        manager.delete_link("alice", add(manager, "a").url)
        later(database, PATIENCE)
        assert schedule.ask_for_checks() == 0

    def test_a_title_is_wanted_where_one_is_missing_and_unknown(
        self, manager: LinkManager, schedule: Schedule, database: Database
    ) -> None:
        for name, title in (("mine", "My title"), ("shared", "My title"), ("none", "")):
            add(manager, name, title)
        add(manager, "shared", "", "bob")
        add(manager, "known", "")
        titled = CheckResult(
            "https://known.example/", "ok", 200, datetime.now(UTC), title="Its own"
        )
        manager.record_check(titled)
        execute(database, "UPDATE urls SET check_due_at = now(), check_asked_at = NULL")
        execute(database, "UPDATE links SET title = '' WHERE url = 'https://known.example/'")
        asked(database)
        assert schedule.ask_for_checks() == 4
        assert dict(asked(database)) == {
            "mine": False, "shared": True, "none": True, "known": False,
        }  # fmt: skip


def age(owner: Database, by: timedelta) -> None:
    """Lets deletions be that much longer ago."""
    execute(owner, "UPDATE tombstones SET deleted_at = deleted_at - %s", by)


def begin(manager: LinkManager, page_size: int = 100) -> str:
    """The token after the first page of a listing."""
    return manager.get_changes("alice", page_size=page_size).next_token


class TestDeletions:
    @pytest.fixture(autouse=True)
    def _links(self, manager: LinkManager) -> None:
        for name in "abcd":
            add(manager, name)

    def test_a_token_from_before_a_forgotten_deletion_is_gone(
        self, manager: LinkManager, schedule: Schedule, owner: Database
    ) -> None:
        token = begin(manager)
        manager.delete_link("alice", "https://a.example/")
        age(owner, TOMBSTONES_LIVE - A_DAY)
        schedule.forget_deletions()
        assert [change["type"] for change in changes(manager, token)] == ["deleted"]
        age(owner, A_DAY)
        schedule.forget_deletions()
        with pytest.raises(Gone):
            manager.get_changes("alice", since=token)
        with pytest.raises(Gone):
            manager.get_changes("alice", since=token)

    def test_a_token_from_after_it_goes_on(
        self, manager: LinkManager, schedule: Schedule, owner: Database
    ) -> None:
        before = begin(manager)
        manager.delete_link("alice", "https://a.example/")
        after = [begin(manager), manager.get_changes("alice", since=before).next_token]
        age(owner, TOMBSTONES_LIVE)
        schedule.forget_deletions()
        link = add(manager, "e")
        for token in after:
            assert [change["link"]["id"] for change in changes(manager, token)] == [link.id]

    def test_a_listing_that_was_begun_after_the_deletion_is_not_cut_off(
        self, manager: LinkManager, schedule: Schedule, owner: Database
    ) -> None:
        manager.delete_link("alice", "https://d.example/")
        token = begin(manager, page_size=1)
        age(owner, TOMBSTONES_LIVE)
        schedule.forget_deletions()
        found = changes(manager, token, page_size=1)
        assert [change["link"]["url"] for change in found] == [
            "https://b.example/", "https://c.example/",
        ]  # fmt: skip

    def test_a_listing_during_which_a_link_was_deleted_and_forgotten_is_gone(
        self, manager: LinkManager, schedule: Schedule, owner: Database
    ) -> None:
        token = begin(manager, page_size=1)
        manager.delete_link("alice", "https://a.example/")
        age(owner, TOMBSTONES_LIVE)
        schedule.forget_deletions()
        with pytest.raises(Gone):
            manager.get_changes("alice", since=token)

    def test_who_has_seen_some_links_of_one_deletion_does_not_miss_the_others(
        self, manager: LinkManager, schedule: Schedule, owner: Database
    ) -> None:
        before = begin(manager)
        manager.bulk_change("alice", BulkChange(q="site:example", delete=True))
        some = manager.get_changes("alice", since=before, page_size=2).next_token
        all_ = manager.get_changes("alice", since=before, page_size=4).next_token
        age(owner, TOMBSTONES_LIVE)
        schedule.forget_deletions()
        with pytest.raises(Gone):
            manager.get_changes("alice", since=some)
        assert changes(manager, all_) == []

    def test_deletions_that_are_forgotten_just_now_are_not_missed(
        self, manager: LinkManager, schedule: Schedule, database: Database, owner: Database
    ) -> None:
        """While the changes are read, that is."""
        token = begin(manager)
        manager.delete_link("alice", "https://a.example/")
        age(owner, TOMBSTONES_LIVE)
        interrupted: Any = Interrupted(database, schedule.forget_deletions)
        with pytest.raises(Gone):
            PostgresLinkStore(interrupted).get_changes("alice", since=token, page_size=10)

    def test_others_go_on(self, manager: LinkManager, schedule: Schedule, owner: Database) -> None:
        add(manager, "a", username="bob")
        token = manager.get_changes("bob").next_token
        manager.delete_link("alice", "https://a.example/")
        age(owner, TOMBSTONES_LIVE)
        schedule.forget_deletions()
        assert manager.get_changes("bob", since=token).changes == []


def changes(manager: LinkManager, since: str, page_size: int = 100) -> list[dict[str, Any]]:
    """All changes since a token."""
    found: list[dict[str, Any]] = []
    while page := manager.get_changes("alice", since=since, page_size=page_size):
        if not page.changes:
            return found
        found += page.changes
        since = page.next_token
    return found


class Interrupted:
    """A database with which somebody else does something right after one's first statement."""

    def __init__(self, database: Database, interrupt: Callable[[], object]) -> None:
        self._database = database
        self._interrupt = interrupt
        self._connection: Any = None

    @contextmanager
    def connection(self) -> Iterator["Interrupted"]:
        with self._database.connection() as self._connection:
            yield self

    @contextmanager
    def transaction(self) -> Iterator["Interrupted"]:
        with self._database.transaction() as self._connection:
            yield self

    def execute(self, statement: Any, parameters: Any = None) -> Any:
        result = self._connection.execute(statement, parameters)
        interrupt, self._interrupt = self._interrupt, lambda: None
        with ThreadPoolExecutor(1) as somebody_else:
            somebody_else.submit(interrupt).result()
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


async def test_it_does_both_until_told_to_stop(
    manager: LinkManager, schedule: Schedule, database: Database, owner: Database
) -> None:
    link = add(manager, "a")
    add(manager, "b")
    token = begin(manager)
    manager.delete_link("alice", link.url)
    age(owner, TOMBSTONES_LIVE)
    asked(database)
    later(database, PATIENCE)
    stop = asyncio.Event()
    running = asyncio.create_task(schedule.run(stop))
    await eventually(lambda: "b" in names(database))
    stop.set()
    await asyncio.wait_for(running, 10)
    with pytest.raises(Gone):
        manager.get_changes("alice", since=token)


async def test_it_waits_for_a_database_that_is_gone() -> None:
    nowhere = Database("link-db", PostgresAddress("127.0.0.1", free_port(), "x", "", "x"))
    with pytest.raises(Unavailable):
        Schedule(nowhere).ask_for_checks()
    stop = asyncio.Event()
    with capture_logs() as logs:
        running = asyncio.create_task(Schedule(nowhere).run(stop))
        await eventually(lambda: [log for log in logs if log["event"] == "schedule_waits"])
        stop.set()
        await asyncio.wait_for(running, 10)
