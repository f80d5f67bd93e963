"""Files of links on their way into a collection, on Postgres."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from delinkcious.database import Database
from delinkcious.errors import FailedPrecondition, InvalidArgument, NotFound
from delinkcious.object_model.imports import (
    FileFormat,
    ImportJob,
    ImportPolicy,
    ImportStatus,
    NewImport,
)
from delinkcious.object_model.links import Link, LinkQuery, NewLink, TagCount, Visibility
from link_service.imports.manager import ImportManager
from link_service.imports.store import PostgresImportStore
from link_service.imports.worker import ImportWorker
from link_service.manager import LinkManager
from link_service.postgres import PostgresLinkStore

pytestmark = pytest.mark.integration

LIMIT = 3000
CSV = NewImport(FileFormat.CSV)


@pytest.fixture
def links(database: Database) -> LinkManager:
    return LinkManager(PostgresLinkStore(database), LIMIT)


@pytest.fixture
def store(database: Database) -> PostgresImportStore:
    return PostgresImportStore(database, LIMIT)


@pytest.fixture
def manager(store: PostgresImportStore, database: Database) -> ImportManager:
    return ImportManager(store, PostgresLinkStore(database))


@pytest.fixture
def work(store: PostgresImportStore) -> Callable[[], bool]:
    """Does what the worker does for the import whose turn it is."""
    return ImportWorker(store)._import_next


def csv(*rows: str) -> list[bytes]:
    return ["\n".join(["url,title,tags,created", *rows]).encode()]


def numbered(number: int) -> list[bytes]:
    return csv(*(f"http://site.example/{n},Title {n},tag-{n % 10}," for n in range(number)))


def imported(
    manager: ImportManager,
    work: Callable[[], bool],
    content: list[bytes],
    new: NewImport = CSV,
    username: str = "alice",
) -> ImportJob:
    job = manager.start_import(username, new, content)
    assert work()
    return manager.get_import(username, job.id)


def all_links(links: LinkManager, username: str = "alice") -> list[Link]:
    return links.get_links(LinkQuery(username, page_size=1000)).links


def counts(job: ImportJob) -> tuple[int, int, int, int]:
    return job.added, job.merged, job.skipped, job.failed


def test_a_file_becomes_links(
    manager: ImportManager, work: Callable[[], bool], links: LinkManager
) -> None:
    content = csv("http://a.example/,A,'x y',2009-02-13T23:31:30Z", "http://b.example/,B,,")
    job = manager.start_import("alice", CSV, content)
    assert (job.status, job.progress) == (ImportStatus.QUEUED, 0)
    work()
    job = manager.get_import("alice", job.id)
    assert (job.status, job.progress, counts(job)) == (ImportStatus.DONE, 1, (2, 0, 0, 0))
    assert job.finished_at is not None
    b, a = all_links(links)
    assert (a.url, a.title, a.visibility) == ("http://a.example/", "A", Visibility.PUBLIC)
    assert a.created_at == a.updated_at == datetime(2009, 2, 13, 23, 31, 30, tzinfo=UTC)
    assert b.title == "B"


def test_what_was_imported_is_found_counted_and_mirrored(
    manager: ImportManager, work: Callable[[], bool], links: LinkManager
) -> None:
    links.add_link("alice", NewLink("http://old.example/"))
    token = links.get_changes("alice").next_token
    imported(manager, work, csv("http://a.example/,Pythons,web,", "http://b.example/,B,web,"))
    assert [link.url for link in links.get_links(LinkQuery("alice", q="pythons")).links] == [
        "http://a.example/"
    ]
    assert list(links.get_tags("alice").tags) == [TagCount("web", 2)]
    assert len(links.get_changes("alice", since=token).changes) == 2


def test_no_news_and_no_flood_of_checks_come_of_it(
    manager: ImportManager, work: Callable[[], bool], database: Database
) -> None:
    imported(manager, work, numbered(100))
    with database.connection() as connection:
        assert connection.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
        due = connection.execute("SELECT count(*) FROM urls WHERE check_due_at <= now()")
        assert due.fetchone() == (100,)


def test_rows_that_are_no_links_are_told_with_their_lines(
    manager: ImportManager, work: Callable[[], bool], links: LinkManager
) -> None:
    job = imported(
        manager,
        work,
        csv("javascript:alert(1),X,,", "http://a.example/,A,,", "http://,B,,"),
    )
    assert counts(job) == (1, 0, 0, 2)
    assert [(error.line, error.detail.partition(":")[0]) for error in job.errors] == [
        (2, "url"),
        (4, "url"),
    ]
    assert len(all_links(links)) == 1


def test_a_link_is_kept_without_what_is_wrong_with_it(
    manager: ImportManager, work: Callable[[], bool], links: LinkManager
) -> None:
    tags = "|".join(f"t{number}" for number in range(60))
    content = [
        b"url,title,tags,created\n"
        + f"http://a.example/,{'x' * 600},{tags},2999-01-01T00:00:00Z\n".encode()
        + f"http://b.example/,B,{'y' * 65},\n".encode()
    ]
    job = imported(manager, work, content)
    assert counts(job) == (2, 0, 0, 0)
    by_line = [(error.line, error.detail.partition(":")[0]) for error in job.errors]
    assert by_line == [(2, "title"), (2, "tags"), (2, "dates"), (3, "tags")]
    a = links.lookup("alice", "http://a.example/").link
    assert a is not None
    assert (len(a.title), len(a.tags)) == (500, 50)
    assert a.created_at <= datetime.now(UTC)


def test_neither_followers_to_come_nor_feeds_made_anew_hear_of_imported_links(
    manager: ImportManager, work: Callable[[], bool], links: LinkManager
) -> None:
    """Links that were there before stay the news that they were."""
    links.add_link("alice", NewLink("http://a.example/", "A"))
    rows = csv("http://a.example/,B,tag,", "http://b.example/,B,,")
    for policy in ImportPolicy:
        imported(manager, work, rows, NewImport(FileFormat.CSV, policy=policy))
    assert [link.url for link in links.get_latest(["alice"], 10)] == ["http://a.example/"]


def test_what_is_private_in_one_place_of_a_file_is_private(
    manager: ImportManager, work: Callable[[], bool], links: LinkManager
) -> None:
    content = [b"url,visibility\nhttp://a.example/,public\nhttp://a.example/,private\n"]
    imported(manager, work, content)
    assert [link.visibility for link in all_links(links)] == [Visibility.PRIVATE]


def test_rows_before_the_place_where_a_file_ends_to_be_one_are_kept(
    manager: ImportManager, work: Callable[[], bool], links: LinkManager
) -> None:
    good = b'[{"href": "http://a.example/", "description": "A"},\n'
    bad = b"".join(b'{"href": ""},\n' for _ in range(10_100))
    job = imported(manager, work, [good, bad, b"]"], NewImport(FileFormat.JSON))
    assert job.status is ImportStatus.FAILED
    assert [link.url for link in all_links(links)] == ["http://a.example/"]


def test_a_mistake_of_ours_ends_the_import_and_not_the_worker(
    manager: ImportManager, work: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(PostgresImportStore, "advance", break_down)
    job = imported(manager, work, numbered(3))
    assert job.status is ImportStatus.FAILED
    assert "our side" in job.errors[0].detail


def test_no_more_than_a_hundred_errors_are_kept(
    manager: ImportManager, work: Callable[[], bool]
) -> None:
    job = imported(manager, work, csv(*(f"ftp://{n}.example/,X,," for n in range(1200))))
    assert (job.failed, len(job.errors)) == (1200, 100)
    assert [error.line for error in job.errors] == list(range(2, 102))


@pytest.mark.parametrize(
    ("policy", "expected", "title", "tags"),
    [
        (ImportPolicy.SKIP, (0, 0, 1, 0), "Mine", ("mine",)),
        (ImportPolicy.MERGE, (0, 1, 0, 0), "Mine", ("mine", "new")),
        (ImportPolicy.REPLACE, (0, 1, 0, 0), "Theirs", ("new",)),
    ],
)
def test_the_policy_says_what_becomes_of_links_that_are_there(
    manager: ImportManager,
    work: Callable[[], bool],
    links: LinkManager,
    policy: ImportPolicy,
    expected: tuple[int, ...],
    title: str,
    tags: tuple[str, ...],
) -> None:
    links.add_link("alice", NewLink("http://a.example/", "Mine", tags=("mine",)))
    new = NewImport(FileFormat.CSV, policy=policy)
    job = imported(manager, work, csv("HTTP://A.EXAMPLE/,Theirs,new,"), new)
    assert counts(job) == expected
    (link,) = all_links(links)
    assert (link.title, link.tags) == (title, tags)


@pytest.mark.parametrize("policy", list(ImportPolicy))
def test_a_link_that_comes_once_a_label_gets_all_of_them(
    manager: ImportManager, work: Callable[[], bool], links: LinkManager, policy: ImportPolicy
) -> None:
    """Also when so much lies between that they are not stored together."""
    between = [f"http://site.example/{n},T,," for n in range(600)]
    rows = ["http://a.example/,A,one,", "http://a.example/,A,two,", *between]
    content = csv(*rows, "http://a.example/,A,three,")
    job = imported(manager, work, content, NewImport(FileFormat.CSV, policy=policy))
    assert counts(job) == (601, 2, 0, 0)
    assert links.lookup("alice", "http://a.example/").link.tags == ("one", "three", "two")  # type: ignore[union-attr]


SAVED = datetime(2010, 1, 1, tzinfo=UTC)
CHANGED = datetime(2011, 1, 1, tzinfo=UTC)
FAR = [f"http://site.example/{number}" for number in range(600)]
"""So many that what stands before them and what stands after are not stored together."""


def dated(*rows: str) -> list[bytes]:
    return ["\n".join(["url,tags,created,modified", *rows]).encode()]


@pytest.mark.parametrize("between", [[], FAR])
def test_a_link_that_comes_several_times_keeps_the_dates_of_its_oldest_copy(
    manager: ImportManager, work: Callable[[], bool], links: LinkManager, between: list[str]
) -> None:
    content = dated(
        "http://a.example/,one,2010-01-01,2011-01-01",
        "http://b.example/,one,,",
        "http://c.example/,one,2015-01-01,2016-01-01",
        *between,
        "http://a.example/,two,2010-01-01,2011-01-01",
        "http://b.example/,two,2010-01-01,2011-01-01",
        "http://c.example/,two,2010-01-01,2011-01-01",
    )
    imported(manager, work, content)
    for link in links.get_links(LinkQuery("alice", tags=("one", "two"))).links:
        assert (link.created_at, link.updated_at) == (SAVED, CHANGED), link
    newest = links.get_links(LinkQuery("alice", tags=("two",))).links
    assert [link.url[7] for link in newest] == ["c", "b", "a"], "the tag's list is in order, too"


def test_replacing_a_link_replaces_its_dates_if_the_file_has_any(
    manager: ImportManager, work: Callable[[], bool], links: LinkManager
) -> None:
    added = {
        name: links.add_link("alice", NewLink(f"http://{name}.example/", tags=("old",)))
        for name in "abc"
    }
    content = dated(
        "http://a.example/,new,2010-01-01,2011-01-01",
        "http://b.example/,new,,2011-01-01",
        "http://c.example/,new,,",
    )
    new = NewImport(FileFormat.CSV, policy=ImportPolicy.REPLACE)
    assert counts(imported(manager, work, content, new)) == (0, 3, 0, 0)
    assert counts(imported(manager, work, content, new)) == (0, 0, 3, 0)
    c, b, a = links.get_links(LinkQuery("alice", tags=("new",))).links
    assert (a.created_at, a.updated_at) == (SAVED, CHANGED)
    assert (b.created_at, b.updated_at) == (added["b"].created_at, CHANGED)
    assert c.created_at == added["c"].created_at < c.updated_at


def test_merging_leaves_the_dates_of_a_link_as_they_are(
    manager: ImportManager, work: Callable[[], bool], links: LinkManager
) -> None:
    added = links.add_link("alice", NewLink("http://a.example/"))
    imported(manager, work, dated("http://a.example/,new,2010-01-01,2011-01-01", *FAR,
                                  "http://a.example/,newer,2010-01-01,2011-01-01"))  # fmt: skip
    (link,) = links.get_links(LinkQuery("alice", tags=("new", "newer"))).links
    assert link.created_at == added.created_at < link.updated_at


def test_labels_add_up_also_if_the_first_of_them_changes_nothing(
    manager: ImportManager, work: Callable[[], bool], links: LinkManager
) -> None:
    links.add_link("alice", NewLink("http://a.example/", tags=("one",)))
    rows = [f"{url},T,," for url in FAR]
    content = csv("http://a.example/,,one,", *rows, "http://a.example/,,two,")
    imported(manager, work, content, NewImport(FileFormat.CSV, policy=ImportPolicy.REPLACE))
    assert links.lookup("alice", "http://a.example/").link.tags == ("one", "two")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("mine", "default", "expected"),
    [
        (Visibility.PRIVATE, Visibility.PUBLIC, Visibility.PRIVATE),
        (Visibility.PUBLIC, Visibility.PRIVATE, Visibility.PRIVATE),
        (Visibility.PUBLIC, Visibility.PUBLIC, Visibility.PUBLIC),
    ],
)
def test_a_file_that_does_not_say_who_may_see_a_link_shows_it_to_nobody_else(
    manager: ImportManager,
    work: Callable[[], bool],
    links: LinkManager,
    mine: Visibility,
    default: Visibility,
    expected: Visibility,
) -> None:
    """No browser's file does, and people have private links."""
    links.add_link("alice", NewLink("http://a.example/", visibility=mine))
    new = NewImport(FileFormat.CSV, policy=ImportPolicy.REPLACE, visibility=default)
    imported(manager, work, csv("http://a.example/,T,,"), new)
    assert [link.visibility for link in all_links(links)] == [expected]


def test_a_file_that_says_it_shows_a_link(
    manager: ImportManager, work: Callable[[], bool], links: LinkManager
) -> None:
    links.add_link("alice", NewLink("http://a.example/", visibility=Visibility.PRIVATE))
    new = NewImport(FileFormat.CSV, policy=ImportPolicy.REPLACE, visibility=Visibility.PRIVATE)
    imported(manager, work, [b"url,visibility\nhttp://a.example/,public\n"], new)
    assert [link.visibility for link in all_links(links)] == [Visibility.PUBLIC]


def test_a_link_gets_as_many_more_tags_as_it_may_have(
    manager: ImportManager, work: Callable[[], bool], links: LinkManager
) -> None:
    mine = tuple(f"y{number}" for number in range(49))
    links.add_link("alice", NewLink("http://a.example/", tags=mine))
    job = imported(manager, work, csv("http://a.example/,T,z|a,"))
    assert counts(job) == (0, 1, 0, 0)
    assert [error.line for error in job.errors] == [2]
    (link,) = all_links(links)
    assert (link.title, set(link.tags)) == ("T", {*mine, "a"})


def test_the_same_file_again_changes_nothing(
    manager: ImportManager, work: Callable[[], bool], links: LinkManager
) -> None:
    imported(manager, work, numbered(30))
    before = all_links(links)
    job = imported(manager, work, numbered(30))
    assert counts(job) == (0, 0, 30, 0)
    assert all_links(links) == before


def test_what_is_over_the_limit_of_links_fails_row_by_row(
    manager: ImportManager, work: Callable[[], bool], links: LinkManager
) -> None:
    job = imported(manager, work, numbered(LIMIT + 5))
    assert counts(job) == (LIMIT, 0, 0, 5)
    assert "at most" in job.errors[0].detail
    with pytest.raises(FailedPrecondition):
        links.add_link("alice", NewLink("http://more.example/"))


def test_an_import_that_was_cut_off_goes_on_without_doing_anything_twice(
    manager: ImportManager,
    work: Callable[[], bool],
    store: PostgresImportStore,
    links: LinkManager,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = manager.start_import("alice", CSV, numbered(1700))
    advance, calls = PostgresImportStore.advance, 0

    def crash_at_the_third(self: PostgresImportStore, *arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise SystemExit
        advance(self, *arguments)

    monkeypatch.setattr(PostgresImportStore, "advance", crash_at_the_third)
    with pytest.raises(SystemExit):
        work()
    monkeypatch.undo()
    assert store.claim() is None, "it is still leased to whoever crashed"
    job = manager.get_import("alice", job.id)
    assert (job.status, job.added) == (ImportStatus.RUNNING, 1000)
    assert 0 < job.progress <= 1
    with database.connection() as connection:
        connection.execute("UPDATE imports SET lease_until = now() - interval '1 second'")
    work()
    job = manager.get_import("alice", job.id)
    assert (job.status, counts(job)) == (ImportStatus.DONE, (1700, 0, 0, 0))


def test_whoever_has_lost_an_import_stores_nothing_more(
    manager: ImportManager, store: PostgresImportStore, links: LinkManager, database: Database
) -> None:
    manager.start_import("alice", CSV, numbered(10))
    late = store.claim()
    assert late
    with database.connection() as connection:
        connection.execute("UPDATE imports SET lease_until = now() - interval '1 second'")
    assert store.claim()
    ImportWorker(store)._work_on(late)
    assert all_links(links) == []


def test_a_cancelled_import_ends(
    manager: ImportManager, store: PostgresImportStore, links: LinkManager, work: Callable[[], bool]
) -> None:
    job = manager.start_import("alice", CSV, numbered(10))
    claim = store.claim()
    assert claim
    assert manager.cancel_import("alice", job.id).status is ImportStatus.CANCELLED
    ImportWorker(store)._work_on(claim)
    assert all_links(links) == []
    assert manager.get_import("alice", job.id).status is ImportStatus.CANCELLED
    assert not work()


def test_an_import_that_has_ended_cannot_be_cancelled(
    manager: ImportManager, work: Callable[[], bool]
) -> None:
    job = imported(manager, work, numbered(1))
    assert manager.cancel_import("alice", job.id).status is ImportStatus.DONE


def test_nobody_sees_or_cancels_the_imports_of_others(manager: ImportManager) -> None:
    job = manager.start_import("alice", CSV, numbered(1))
    with pytest.raises(NotFound):
        manager.get_import("bob", job.id)
    with pytest.raises(NotFound):
        manager.cancel_import("bob", job.id)
    assert manager.get_imports("bob").imports == []


def test_imports_are_listed_newest_first(manager: ImportManager, work: Callable[[], bool]) -> None:
    numbers = [imported(manager, work, numbered(1)).id for _ in range(3)]
    first = manager.get_imports("alice", page_size=2)
    rest = manager.get_imports("alice", first.next_page_token)
    assert [job.id for job in [*first.imports, *rest.imports]] == numbers[::-1]


def test_users_take_turns(
    manager: ImportManager, work: Callable[[], bool], store: PostgresImportStore
) -> None:
    """Also those who come when another's first import has ended."""
    for _ in range(3):
        manager.start_import("alice", CSV, numbered(1))
    work()
    for _ in range(2):
        manager.start_import("bob", CSV, numbered(1))
    claims = [store.claim() for _ in range(5)]
    names = [claim.username if claim else None for claim in claims]
    assert names == ["bob", "alice", "bob", "alice", None]


def test_only_so_many_may_wait(manager: ImportManager) -> None:
    for _ in range(5):
        manager.start_import("alice", CSV, numbered(1))
    with pytest.raises(FailedPrecondition, match="have not ended"):
        manager.start_import("alice", CSV, numbered(1))
    manager.start_import("bob", CSV, numbered(1))


def test_a_file_that_is_not_what_it_claims_fails_and_says_why(
    manager: ImportManager, work: Callable[[], bool]
) -> None:
    job = imported(manager, work, [b"<html>"], NewImport(FileFormat.JSON))
    assert job.status is ImportStatus.FAILED
    assert job.errors[0].detail


def test_a_file_of_no_known_format_is_refused_at_once(manager: ImportManager) -> None:
    with pytest.raises(InvalidArgument, match="file"):
        manager.start_import("alice", NewImport(), [b"\x89PNG\r\n\x1a\n\x00\x00"])
    assert manager.get_imports("alice").imports == []


def test_a_file_that_breaks_off_on_its_way_leaves_nothing(
    manager: ImportManager, database: Database
) -> None:
    def chunks() -> Any:
        yield b"url,title\n"
        yield b"x" * 2000
        raise ConnectionError

    with pytest.raises(ConnectionError):
        manager.start_import("alice", CSV, chunks())
    with database.connection() as connection:
        assert connection.execute("SELECT count(*) FROM imports").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM import_chunks").fetchone() == (0,)


def test_files_are_not_kept(
    manager: ImportManager, work: Callable[[], bool], database: Database
) -> None:
    imported(manager, work, numbered(3))
    with database.connection() as connection:
        assert connection.execute("SELECT count(*) FROM import_chunks").fetchone() == (0,)


def test_what_becomes_private_is_taken_back_from_the_news(
    manager: ImportManager, work: Callable[[], bool], links: LinkManager, database: Database
) -> None:
    links.add_link("alice", NewLink("http://a.example/"))
    new = NewImport(FileFormat.CSV, policy=ImportPolicy.REPLACE, visibility=Visibility.PRIVATE)
    imported(manager, work, csv("http://a.example/,A,,"), new)
    with database.connection() as connection:
        rows = connection.execute("SELECT subject, data FROM outbox ORDER BY position DESC LIMIT 1")
        ((subject, data),) = rows.fetchall()
    assert (subject, data["link"]["visibility"]) == ("links.updated", "private")


@pytest.mark.parametrize("file_format", list(FileFormat))
def test_an_export_imported_elsewhere_is_the_same_collection(
    manager: ImportManager,
    work: Callable[[], bool],
    links: LinkManager,
    file_format: FileFormat,
) -> None:
    links.add_link(
        "alice",
        NewLink("http://a.example/?a=1&b=2", 'T "é" & <b>', "two\nlines", ("a b", "é")),
    )
    links.add_link("alice", NewLink("http://b.example/", visibility=Visibility.PRIVATE))
    content = list(manager.export("alice", file_format))
    imported(manager, work, content, NewImport(file_format), username="bob")

    def fields(link: Link) -> tuple[object, ...]:
        return (
            link.url, link.title, link.description, link.tags, link.visibility, link.created_at,
            link.updated_at,
        )  # fmt: skip

    assert list(map(fields, all_links(links, "bob"))) == list(map(fields, all_links(links)))


def test_an_export_has_every_page_and_only_what_the_query_finds(
    manager: ImportManager, work: Callable[[], bool]
) -> None:
    imported(manager, work, numbered(2500))
    whole = b"".join(manager.export("alice", FileFormat.CSV))
    assert whole.count(b"http://site.example/") == 2500
    some = b"".join(manager.export("alice", FileFormat.CSV, "#tag-3"))
    assert some.count(b"http://site.example/") == 250
    with pytest.raises(InvalidArgument):
        manager.export("alice", FileFormat.CSV, "(")
