"""The link store on Postgres and its double, for the tests of both."""

from collections.abc import Callable, Iterator

import pytest

from delinkcious.database import Database
from delinkcious.migrations import migrate
from delinkcious.outbox import Entry
from delinkcious.testing.addresses import PostgresAddress
from delinkcious.testing.databases import NewDatabase, TemplateDatabase
from link_service import migrations
from link_service.memory import InMemoryLinkStore
from link_service.ports import LinkStore
from link_service.postgres import PostgresLinkStore

Published = Callable[[], list[Entry]]


@pytest.fixture(scope="session")
def template(template_database: TemplateDatabase) -> str:
    return template_database("link", lambda address: migrate(address, migrations))


@pytest.fixture
def address(template: str, new_database: NewDatabase) -> PostgresAddress:
    return new_database(template)


@pytest.fixture
def database(address: PostgresAddress) -> Iterator[Database]:
    database = Database("link-db", address)
    yield database
    database.close()


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

    def read_outbox() -> list[Entry]:
        with database.connection() as connection:
            rows = connection.execute("SELECT subject, key, data FROM outbox ORDER BY position")
            return [Entry(*row) for row in rows]

    return read_outbox
