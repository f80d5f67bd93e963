"""Many at work on the same collections and URLs: nothing is missed, and nobody waits for ever."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest

from delinkcious.database import Database
from delinkcious.errors import AlreadyExists, NotFound
from delinkcious.object_model.imports import ImportPolicy
from delinkcious.object_model.links import (
    BulkChange,
    CheckResult,
    Link,
    LinkChange,
    LinkQuery,
    LinkStatus,
    NewLink,
    Visibility,
)
from delinkcious.testing.waiting import wait_until
from link_service.formats import ImportedLink
from link_service.imports.batch import Batch, prepare
from link_service.imports.rows import to_rows
from link_service.manager import LinkManager
from link_service.postgres import PostgresLinkStore
from link_service.schedule import Schedule

pytestmark = pytest.mark.integration

URL = "https://example.com/"


@pytest.fixture
def store(database: Database) -> PostgresLinkStore:
    return PostgresLinkStore(database)


@pytest.fixture
def manager(store: PostgresLinkStore) -> LinkManager:
    return LinkManager(store, max_links_per_user=1000)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(12) as pool:
        yield pool


def check(manager: LinkManager, url: str, outcome: str = "ok", title: str | None = None) -> None:
    manager.record_check(CheckResult(url, outcome, 200, datetime.now(UTC), title=title))


def links_of(manager: LinkManager, username: str) -> list[Link]:
    return manager.get_links(LinkQuery(username, page_size=1000)).links


def somebody_waits(database: Database) -> bool:
    """Tells whether a statement waits for a lock that another one has."""
    with database.connection() as connection:
        waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        return connection.execute(waiting + " AND datname = current_database()").fetchone() == ()


class TestAddingDuringACheck:
    """Bob has the URL; Alice saves it while the first check of it is recorded."""

    @pytest.fixture(autouse=True)
    def _link_of_bob(self, manager: LinkManager) -> None:
        manager.add_link("bob", NewLink(URL))

    def test_a_link_that_is_being_added_gets_what_the_check_found(
        self,
        manager: LinkManager,
        store: PostgresLinkStore,
        database: Database,
        pool: ThreadPoolExecutor,
    ) -> None:
        with store.change("alice") as collection:
            url = collection.save_url(URL, URL)
            assert collection.insert(url.id, NewLink(URL)).status is LinkStatus.PENDING
            recording = pool.submit(check, manager, URL, "ok", "Its own title")
            wait_until(lambda: pool.submit(somebody_waits, database).result())
        recording.result(10)
        for username in ("alice", "bob"):
            (link,) = links_of(manager, username)
            assert (link.status, link.title) == (LinkStatus.VALID, "Its own title")

    def test_a_link_that_waits_for_the_check_gets_what_it_found(
        self, manager: LinkManager, database: Database, pool: ThreadPoolExecutor
    ) -> None:
        with database.transaction() as connection:
            connection.execute(
                "UPDATE urls SET status = 'invalid', title = 'Its own title', outcome = 'gone',"
                " checked_at = now()"
            )
            adding = pool.submit(manager.add_link, "alice", NewLink(URL))
            wait_until(lambda: pool.submit(somebody_waits, database).result())
        added = adding.result(10)
        assert (added.status, added.title) == (LinkStatus.INVALID, "Its own title")
        assert links_of(manager, "alice") == [added]


class Mirror:
    """Follows the changes of Alice's collection, a few at a time."""

    def __init__(self, manager: LinkManager) -> None:
        self._manager = manager
        self._token: str | None = None
        self.links: dict[int, dict[str, Any]] = {}

    def follow_until(self, done: Event) -> None:
        """Asks again and again, and once more when it is done."""
        while not done.is_set():
            self.catch_up()
        self.catch_up()

    def catch_up(self) -> None:
        """Asks until there is nothing new."""
        while True:
            page = self._manager.get_changes("alice", since=self._token, page_size=3)
            self._token = page.next_token
            for change in page.changes:
                if change["type"] == "deleted":
                    self.links.pop(change["id"], None)
                else:
                    self.links[change["link"]["id"]] = change["link"]
            if not page.changes:
                return


def test_a_mirror_misses_nothing_of_what_many_write(
    manager: LinkManager, pool: ThreadPoolExecutor
) -> None:
    def write(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(60):
            url = f"{URL}{chance.randrange(12)}"
            write_one(manager, chance, url)

    done, mirror = Event(), Mirror(manager)
    following = pool.submit(mirror.follow_until, done)
    try:
        list(pool.map(write, range(5)))
    finally:
        done.set()
    following.result(20)
    kept = {number: without_check(link) for number, link in mirror.links.items()}
    there = [link.to_json() for link in links_of(manager, "alice")]
    assert kept == {link["id"]: without_check(link) for link in there}


def write_one(manager: LinkManager, chance: random.Random, url: str) -> None:
    """Makes one of the changes that there are, if it is possible."""
    tag, other = chance.sample(["a", "b", "c"], 2)
    changes: list[Callable[[], object]] = [
        lambda: manager.add_link("alice", NewLink(url, tags=(tag,))),
        lambda: manager.add_link("alice", NewLink(url, title=tag, tags=(tag, other))),
        lambda: manager.update_link("alice", LinkChange(url, title=other, add_tags=(tag,))),
        lambda: manager.delete_link("alice", url),
        lambda: manager.rename_tag("alice", tag, other),
        lambda: manager.bulk_change("alice", BulkChange(q=f"#{tag}", add_tags=(other,))),
        lambda: manager.bulk_change("alice", BulkChange(q=f"#{tag} #{other}", delete=True)),
        lambda: check(manager, url, chance.choice(["ok", "timeout"]), title=other),
    ]
    try:
        chance.choice(changes)()
    except (AlreadyExists, NotFound):
        return


def without_check(link: dict[str, Any]) -> dict[str, Any]:
    """A link as a mirror has it: a check that changes nothing else is no change."""
    times = ("created_at", "updated_at")
    rest = {name: value for name, value in link.items() if name not in {"last_check", *times}}
    at = {name: datetime.fromisoformat(str(link[name])) for name in times}
    return {**rest, "tags": list(link["tags"]), **at}


def test_those_who_share_urls_never_wait_for_each_other_for_ever(
    manager: LinkManager, database: Database, pool: ThreadPoolExecutor
) -> None:
    """Postgres ends a deadlock by failing one of those who wait, which here is an error."""
    users = [f"user-{number}" for number in range(4)]
    urls = [f"{URL}{number}" for number in range(25)]
    schedule = Schedule(database)
    done = Event()

    def save_and_delete(username: str) -> None:
        chance = random.Random(username)
        for _ in range(6):
            for url in chance.sample(urls, 15):
                manager.add_link(username, NewLink(url, tags=("shared",)))
            manager.bulk_change(username, BulkChange(q="#shared", check=True))
            manager.rename_tag(username, "shared", "old")
            manager.bulk_change(username, BulkChange(q="#old", delete=True))

    def check_some() -> None:
        while not done.is_set():
            check(manager, random.choice(urls), random.choice(["ok", "timeout"]), title="Title")

    def keep_schedule() -> None:
        while not done.is_set():
            schedule.ask_for_checks()
            schedule.forget_deletions(older_than=timedelta(0))

    others = [pool.submit(job) for job in (check_some, check_some, keep_schedule, keep_schedule)]
    try:
        list(pool.map(save_and_delete, users))
    finally:
        done.set()
    for other in others:
        other.result(20)
    assert left_over(database) == (0, 0, 0, 0)


def left_over(database: Database) -> tuple[Any, ...]:
    """How many links, tags, URLs and counted links there are."""
    with database.connection() as connection:
        return (
            connection.execute(
                "SELECT (SELECT count(*) FROM links), (SELECT count(*) FROM tag_counts),"
                " (SELECT count(*) FROM urls), (SELECT sum(link_count)::int FROM collections)"
            ).fetchone()
            or ()
        )


def test_imports_and_deletions_of_the_same_urls_never_wait_for_each_other(
    database: Database, store: PostgresLinkStore, pool: ThreadPoolExecutor
) -> None:
    manager = LinkManager(store, max_links_per_user=1000)
    everywhere = [f"http://site.example/{number}" for number in range(60)]

    def come_and_go(number: int) -> None:
        order = random.Random(number)
        username = f"user-{number}"
        for round_ in range(4):
            chosen = order.sample(everywhere, 40)
            rows = to_rows((ImportedLink(1, url) for url in chosen), Visibility.PUBLIC)
            prepared = prepare(username, rows)
            with database.transaction() as connection:
                Batch(connection, username, round_, ImportPolicy.MERGE, 1000).store(prepared)
            ids = tuple(link.id for link in links_of(manager, username))
            manager.bulk_change(username, BulkChange(ids=ids, check=True))
            manager.bulk_change(username, BulkChange(ids=ids, delete=True))

    for done in [pool.submit(come_and_go, number) for number in range(8)]:
        done.result()
    with database.connection() as connection:
        assert connection.execute("SELECT count(*) FROM urls").fetchone() == (0,)
