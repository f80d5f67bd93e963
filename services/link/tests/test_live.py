"""What may change while the link service runs."""

from collections.abc import Callable

import pytest

from delinkcious.database import Database
from delinkcious.errors import FailedPrecondition
from delinkcious.object_model.imports import FileFormat, ImportStatus, NewImport
from delinkcious.object_model.links import LinkQuery, NewLink
from link_service.config import LinkSettings
from link_service.imports.manager import ImportManager
from link_service.imports.store import PostgresImportStore
from link_service.imports.worker import ImportWorker
from link_service.live import Features, LiveLinkSettings, live_settings
from link_service.manager import LinkManager
from link_service.ports import LinkStore
from link_service.postgres import PostgresLinkStore
from link_service.schedule import Schedule

from .conftest import Published


class Changing:
    """The settings that hold now."""

    def __init__(self) -> None:
        self.settings = LiveLinkSettings(max_links_per_user=2)

    def limit(self) -> int:
        return self.settings.max_links_per_user

    def features(self) -> Features:
        return self.settings.features

    def set(self, limit: int = 2, **features: bool) -> None:
        self.settings = LiveLinkSettings(max_links_per_user=limit, features=Features(**features))


@pytest.fixture
def live() -> Changing:
    return Changing()


def add(manager: LinkManager, name: str) -> None:
    manager.add_link("alice", NewLink(f"http://{name}.example/"))


def test_the_environment_holds_as_long_as_no_file_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAX_LINKS_PER_USER", "3")
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    settings = live_settings(LinkSettings.load())
    assert (settings.max_links_per_user, settings.log_level) == (3, "ERROR")
    assert settings.features == Features(checks=True, imports=True)


def test_how_many_links_one_may_have_changes_in_both_directions(
    store: LinkStore, live: Changing
) -> None:
    manager = LinkManager(store, live.limit)
    add(manager, "a")
    add(manager, "b")
    for limit in (2, 1):  # less than there are, too
        live.set(limit)
        with pytest.raises(FailedPrecondition, match=f"at most {limit} links"):
            add(manager, "c")
    live.set(3)
    add(manager, "c")
    assert len(manager.get_links(LinkQuery("alice")).links) == 3


def test_without_checks_a_new_link_asks_for_none(
    store: LinkStore, live: Changing, published: Published
) -> None:
    manager = LinkManager(store, 10, features=live.features)
    live.set(checks=False)
    add(manager, "a")
    assert [entry.subject for entry in published()] == ["links.added"]
    live.set(checks=True)
    add(manager, "b")
    assert "links.check.requested" in [entry.subject for entry in published()]


@pytest.mark.integration
def test_without_checks_what_is_due_waits(database: Database, live: Changing) -> None:
    manager, schedule = (
        LinkManager(PostgresLinkStore(database), 10),
        Schedule(database, live.features),
    )
    add(manager, "a")
    manager.check_links("alice", url="http://a.example/")
    with database.connection() as connection:
        connection.execute("UPDATE urls SET check_asked_at = NULL")
    live.set(checks=False)
    assert schedule.ask_for_checks() == 0
    live.set(checks=True)
    assert schedule.ask_for_checks() == 1


@pytest.mark.integration
def test_without_imports_files_wait_and_the_limit_is_that_of_the_moment(
    database: Database, live: Changing
) -> None:
    store = PostgresImportStore(database, live.limit)
    imports, worker = (
        ImportManager(store, PostgresLinkStore(database)),
        ImportWorker(store, live.features),
    )
    rows = "url\nhttp://a.example/\nhttp://b.example/\nhttp://c.example/\n"
    job = imports.start_import("alice", NewImport(FileFormat.CSV), [rows.encode()])
    import_next: Callable[[], bool] = worker._import_next
    live.set(limit=1, imports=False)
    assert not import_next()
    assert imports.get_import("alice", job.id).status is ImportStatus.QUEUED
    live.set(limit=1)
    assert import_next()
    done = imports.get_import("alice", job.id)
    assert (done.status, done.added, done.failed) == (ImportStatus.DONE, 1, 2)
