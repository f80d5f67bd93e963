"""Deleted accounts: nothing of their links stays, and nothing comes back."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from delinkcious.database import Database
from delinkcious.deletion import DeletedUser
from delinkcious.errors import NotFound
from delinkcious.object_model.imports import FileFormat, NewImport
from delinkcious.object_model.links import LinkChange, LinkQuery, NewLink, Visibility
from link_service.imports.batch import prepare
from link_service.imports.manager import ImportManager
from link_service.imports.rows import to_rows
from link_service.imports.store import Lost, PostgresImportStore
from link_service.imports.worker import ImportWorker
from link_service.manager import LinkManager
from link_service.memory import InMemoryLinkStore
from link_service.ports import LinkStore
from link_service.postgres import PostgresLinkStore
from link_service.purge import LinkPurge

from .conftest import Published

Purge = Callable[[DeletedUser], bool]
PAGE = b'<DL><DT><A HREF="https://example.com/imported" TAGS="old">Imported</A></DL>'


@pytest.fixture
def purge(store: LinkStore, request: pytest.FixtureRequest) -> Purge:
    if isinstance(store, InMemoryLinkStore):
        return store.purge_some
    return LinkPurge(request.getfixturevalue("database")).purge_some


@pytest.fixture
def manager(store: LinkStore) -> LinkManager:
    return LinkManager(store, max_links_per_user=1000)


def deleted(username: str = "alice", *, for_seconds: float = 60) -> DeletedUser:
    until = datetime.now(UTC) + timedelta(seconds=for_seconds)
    return DeletedUser(str(uuid4()), username, until)


def run(purge: Purge, user: DeletedUser) -> int:
    """Returns how many batches it took."""
    batches = 1
    while not purge(user):
        batches += 1
    return batches


def fill(manager: LinkManager, username: str) -> None:
    manager.add_link(username, NewLink("https://example.com/shared", tags=("a", "b")))
    own = NewLink(f"https://example.com/{username}", tags=("a",), visibility=Visibility.PRIVATE)
    manager.add_link(username, own)
    manager.add_link(username, NewLink(f"https://example.com/{username}/gone"))
    manager.delete_link(username, f"https://example.com/{username}/gone")


def urls(manager: LinkManager, username: str) -> list[str]:
    return [link.url for link in manager.get_links(LinkQuery(username)).links]


def test_everything_of_the_user_goes_and_what_is_of_others_stays(
    manager: LinkManager, purge: Purge
) -> None:
    fill(manager, "alice")
    fill(manager, "bob")
    run(purge, deleted())
    assert urls(manager, "alice") == []
    assert manager.get_tags("alice").tags == []
    assert manager.get_changes("alice").changes == []
    assert urls(manager, "bob") == ["https://example.com/bob", "https://example.com/shared"]
    assert manager.lookup("bob", "https://example.com/shared").saved_by == 1


def test_it_is_confirmed_and_nothing_else_is_told(
    manager: LinkManager, purge: Purge, published: Published
) -> None:
    manager.add_link("alice", NewLink("https://example.com/"))
    before = len(published())
    user = deleted()
    run(purge, user)
    (event,) = published()[before:]
    assert (event.subject, event.key) == ("users.purged", user.deletion_id)
    assert event.data == {"deletion_id": user.deletion_id, "service": "link-manager"}


def test_nothing_can_be_saved_or_changed_any_more(manager: LinkManager, purge: Purge) -> None:
    manager.add_link("alice", NewLink("https://example.com/"))
    run(purge, deleted())
    with pytest.raises(NotFound, match="no such account"):
        manager.add_link("alice", NewLink("https://example.com/late"))
    with pytest.raises(NotFound):
        manager.update_link("alice", LinkChange("https://example.com/", title="late"))
    manager.add_link("bob", NewLink("https://example.com/late"))
    assert urls(manager, "alice") == []


def test_the_next_account_of_the_name_saves_links_and_a_repeated_event_leaves_them_alone(
    manager: LinkManager, purge: Purge, published: Published
) -> None:
    manager.add_link("alice", NewLink("https://example.com/old"))
    user = deleted(for_seconds=-1)
    run(purge, user)
    manager.add_link("alice", NewLink("https://example.com/new"))
    run(purge, user)
    assert urls(manager, "alice") == ["https://example.com/new"]
    assert [event.subject for event in published()].count("users.purged") == 2


def rows_of(database: Database, username: str) -> Iterator[tuple[str, int]]:
    tables = ("collections", "links", "link_tags", "tag_counts", "tombstones", "imports")
    with database.connection() as connection:
        for table in tables:
            count = f"SELECT FROM {table} WHERE username = %s".encode()
            yield table, connection.execute(count, [username]).rowcount
        chunks = connection.execute("SELECT FROM import_chunks").rowcount
        yield "import_chunks", chunks


def url_count(database: Database) -> int:
    with database.connection() as connection:
        return connection.execute("SELECT FROM urls").rowcount


@pytest.mark.integration
def test_no_row_is_left_of_the_user_and_no_url_that_nobody_has(database: Database) -> None:
    store = PostgresLinkStore(database)
    manager = LinkManager(store, 1000)
    fill(manager, "alice")
    fill(manager, "bob")
    imports = ImportManager(PostgresImportStore(database, 1000), store)
    imports.start_import("alice", NewImport(format=FileFormat.HTML), [PAGE])
    run(LinkPurge(database).purge_some, deleted())
    assert not any(count for _, count in rows_of(database, "alice"))
    assert url_count(database) == 2
    run(LinkPurge(database).purge_some, deleted("bob"))
    assert url_count(database) == 0
    with database.connection() as connection:
        kept = connection.execute("SELECT purges::text FROM purges").fetchall()
    assert "alice" not in str(kept)


@pytest.mark.integration
def test_a_large_collection_goes_batch_by_batch(database: Database) -> None:
    manager = LinkManager(PostgresLinkStore(database), 2000)
    with database.connection() as connection:
        manager.add_link("alice", NewLink("https://example.com/"))
        connection.execute(
            """
            WITH u AS (
                INSERT INTO urls (digest, url, host, check_due_at)
                SELECT sha256(n::text::bytea), n::text, '', now() FROM generate_series(1, 1200) AS n
                RETURNING id, url
            )
            INSERT INTO links (username, url_id, url, title, description, tags, visibility, status,
                               version, title_key, search)
            SELECT 'alice', id, url, '', '', '{}', 'public', 'pending', 1, '', '' FROM u
            """
        )
    assert run(LinkPurge(database).purge_some, deleted()) == 4
    assert url_count(database) == 0


@pytest.mark.integration
def test_nothing_slips_in_while_an_account_is_deleted(database: Database) -> None:
    store = PostgresLinkStore(database)
    manager = LinkManager(store, 1000)
    imports = ImportManager(PostgresImportStore(database, 1000), store)

    def save(number: int) -> None:
        with suppress(NotFound):
            manager.add_link("alice", NewLink(f"https://example.com/{number}"))
            imports.start_import("alice", NewImport(format=FileFormat.HTML), [PAGE])

    with ThreadPoolExecutor(8) as threads:
        saves = [threads.submit(save, number) for number in range(100)]
        run(LinkPurge(database).purge_some, deleted())
        failures = [each.exception() for each in saves]
    assert {type(failure).__name__ for failure in failures if failure} <= {"FailedPrecondition"}
    assert not any(count for _, count in rows_of(database, "alice"))
    assert url_count(database) == 0


@pytest.mark.integration
def test_an_import_that_is_being_sent_or_stored_ends_with_the_account(database: Database) -> None:
    store = PostgresLinkStore(database)
    imports = PostgresImportStore(database, 1000)
    manager = ImportManager(imports, store)
    manager.start_import("alice", NewImport(format=FileFormat.HTML), [PAGE])
    claim = imports.claim()
    assert claim is not None

    def chunks() -> Iterator[bytes]:
        yield PAGE
        run(LinkPurge(database).purge_some, deleted())
        yield PAGE

    with pytest.raises(NotFound):
        manager.start_import("alice", NewImport(format=FileFormat.HTML), chunks())
    worker = ImportWorker(imports)
    worker._work_on(claim)
    with pytest.raises(Lost):
        imports.advance(claim, prepare("alice", to_rows([], Visibility.PUBLIC)), 0)
    assert not any(count for _, count in rows_of(database, "alice"))
