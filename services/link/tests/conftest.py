"""The link store on Postgres and its double, for the tests of both."""

from collections.abc import Callable

import pytest

from delinkcious.database import Database
from delinkcious.outbox import Entry
from delinkcious.testing.databases import Migrated
from delinkcious.testing.outbox import outbox_of
from link_service import migrations
from link_service.memory import InMemoryLinkStore
from link_service.ports import LinkStore
from link_service.postgres import PostgresLinkStore

Published = Callable[[], list[Entry]]


@pytest.fixture(scope="session")
def template(migrated: Migrated) -> str:
    return migrated(migrations)


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest) -> LinkStore:
    """Each test that asks for a store runs on the double and on the real one."""
    if request.param == "memory":
        return InMemoryLinkStore()
    return PostgresLinkStore(request.getfixturevalue("database"))


@pytest.fixture
def published(store: LinkStore, request: pytest.FixtureRequest) -> Published:
    """Tells which events were handed over to be published, oldest first."""
    if isinstance(store, InMemoryLinkStore):
        return lambda: store.events
    database: Database = request.getfixturevalue("database")

    return lambda: outbox_of(database)
