"""The link store on Postgres and its double, for the tests of both."""

from collections.abc import Callable, Iterator
from dataclasses import replace

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
def template(template_database: TemplateDatabase, service_role: str) -> str:
    return template_database(
        "link for its role", lambda address: migrate(address, migrations, role=service_role)
    )


@pytest.fixture
def address(template: str, new_database: NewDatabase) -> PostgresAddress:
    return new_database(template)


@pytest.fixture
def owner(address: PostgresAddress) -> Iterator[Database]:
    """The database as the one enters it to whom everything there belongs."""
    database = Database("link-db", address)
    yield database
    database.close()


@pytest.fixture
def database(address: PostgresAddress, service_role: str) -> Iterator[Database]:
    """The database as the service enters it: with the privileges of its role, and no others."""
    database = Database("link-db", replace(address, user=service_role))
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
