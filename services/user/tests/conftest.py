"""The user store on Postgres, its double, and the client in front of the service."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from delinkcious.audit import NOWHERE, RECORDED, Origin
from delinkcious.clients.users import UserClient
from delinkcious.database import Database
from delinkcious.http.client import HttpClient
from delinkcious.object_model.users import UserManager as Manager
from delinkcious.outbox import Entry
from delinkcious.testing.databases import Migrated
from delinkcious.testing.outbox import outbox_of
from delinkcious.testing.peers import auth_for, token_of
from delinkcious.testing.serving import serving
from user_service import migrations
from user_service.http import create_user_app
from user_service.manager import UserManager
from user_service.memory import InMemoryUserStore
from user_service.postgres import PostgresUserStore

Published = Callable[[], list[Entry]]
GATEWAY = "api-gateway"
LIFETIME = timedelta(days=30)
IDLE = timedelta(days=7)


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = datetime(2030, 1, 31, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture(scope="session")
def template(migrated: Migrated) -> str:
    return migrated(migrations)


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Whereabouts:
    """From where things are done; the test says."""

    def __init__(self) -> None:
        self.now = NOWHERE

    def __call__(self) -> Origin:
        return self.now


@pytest.fixture
def whereabouts() -> Whereabouts:
    return Whereabouts()


@pytest.fixture
def memory() -> InMemoryUserStore:
    return InMemoryUserStore()


@pytest.fixture
def in_memory(memory: InMemoryUserStore, clock: Clock, whereabouts: Whereabouts) -> UserManager:
    return UserManager(memory, LIFETIME, clock, idle_lifetime=IDLE, origin=whereabouts)


@pytest.fixture
def on_postgres(database: Database, clock: Clock, whereabouts: Whereabouts) -> UserManager:
    store = PostgresUserStore(database)
    return UserManager(store, LIFETIME, clock, idle_lifetime=IDLE, origin=whereabouts)


@pytest.fixture
def client(in_memory: UserManager) -> Iterator[UserClient]:
    """The client of the gateway, in front of the service with its store in memory."""
    with serving(create_user_app(in_memory, auth_for(GATEWAY))) as served_at:
        yield UserClient(HttpClient("user-manager", served_at, token=token_of(GATEWAY)))


REAL = pytest.param("on_postgres", marks=pytest.mark.integration)


@pytest.fixture(params=["in_memory", REAL, "client"])
def manager(request: pytest.FixtureRequest) -> Manager:
    """Each test that asks for a manager runs on both stores, and on the client of the service."""
    manager: Manager = request.getfixturevalue(request.param)
    return manager


@pytest.fixture(params=["in_memory", REAL])
def service(request: pytest.FixtureRequest) -> UserManager:
    """The manager of the service itself, on both stores, for what clients cannot do."""
    service: UserManager = request.getfixturevalue(request.param)
    return service


@pytest.fixture
def outbox(request: pytest.FixtureRequest) -> Published:
    """Tells what was handed over to be published, oldest first."""
    if "database" not in request.fixturenames:
        memory: InMemoryUserStore = request.getfixturevalue("memory")
        return lambda: memory.events
    database: Database = request.getfixturevalue("database")

    return lambda: outbox_of(database)


@pytest.fixture
def published(outbox: Published) -> Published:
    """Tells which events were handed over but those for the audit trail, oldest first."""
    return lambda: [entry for entry in outbox() if entry.subject != RECORDED]


@pytest.fixture
def recorded(outbox: Published) -> Published:
    """Tells what the audit trail was told, oldest first."""
    return lambda: [entry for entry in outbox() if entry.subject == RECORDED]
