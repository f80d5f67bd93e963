"""The store of the social graph on Postgres, its double, and the client in front of it."""

from collections.abc import Callable, Iterator

import pytest

from delinkcious.auth import MutualAuth
from delinkcious.clients.social_graph import SocialGraphClient
from delinkcious.database import Database
from delinkcious.http.client import HttpClient
from delinkcious.object_model.social_graph import SocialGraphManager as Manager
from delinkcious.outbox import Entry
from delinkcious.testing.databases import Migrated
from delinkcious.testing.outbox import outbox_of
from delinkcious.testing.serving import serving
from social_graph_service import migrations
from social_graph_service.http import create_social_graph_app
from social_graph_service.manager import SocialGraphManager
from social_graph_service.memory import InMemoryFollowStore
from social_graph_service.postgres import PostgresFollowStore

Published = Callable[[], list[Entry]]


@pytest.fixture(scope="session")
def template(migrated: Migrated) -> str:
    return migrated(migrations)


@pytest.fixture
def memory() -> InMemoryFollowStore:
    return InMemoryFollowStore()


@pytest.fixture
def client(memory: InMemoryFollowStore) -> Iterator[SocialGraphClient]:
    """A client of everything, in front of the service with its store in memory."""
    app = create_social_graph_app(SocialGraphManager(memory), MutualAuth(None))
    with serving(app) as served_at:
        yield SocialGraphClient(HttpClient("social-graph-manager", served_at))


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration), "http"])
def manager(request: pytest.FixtureRequest) -> Manager:
    """Each test that asks for a manager runs on both stores, and on the client of the service."""
    if request.param == "http":
        client: SocialGraphClient = request.getfixturevalue("client")
        return client
    if request.param == "memory":
        return SocialGraphManager(request.getfixturevalue("memory"))
    return SocialGraphManager(PostgresFollowStore(request.getfixturevalue("database")))


@pytest.fixture
def published(manager: Manager, request: pytest.FixtureRequest) -> Published:
    """Tells which events were handed over to be published, oldest first."""
    if "database" not in request.fixturenames:
        memory: InMemoryFollowStore = request.getfixturevalue("memory")
        return lambda: memory.events
    database: Database = request.getfixturevalue("database")

    return lambda: outbox_of(database)
