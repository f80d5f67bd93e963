"""The pytest plugin of the repository: real servers for the tests that ask for them.

One set of servers serves a test session; each is started by the first test that needs it. A test
gets a database of its own, an empty Redis and an empty broker. `infrastructure` says where the
servers come from.

A service that keeps its data in Postgres says how its database is made; then its tests may ask for
a `database`:

    @pytest.fixture(scope="session")
    def template(migrated: Migrated) -> str:
        return migrated(migrations)
"""

import gc
from collections.abc import Generator, Iterator
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import settings

from delinkcious.testing.addresses import NatsAddress, PostgresAddress, RedisAddress
from delinkcious.testing.cleaning import delete_streams, flush
from delinkcious.testing.databases import (
    EMPTY,
    Databases,
    Migrated,
    NewDatabase,
    TemplateDatabase,
    databases,
)
from delinkcious.testing.infrastructure import Infrastructure, infrastructure
from delinkcious.testing.process import end_fork_servers

if TYPE_CHECKING:
    from delinkcious.database import Database


# How long an example takes says more of what else the machine does than of the code.
settings.register_profile("whole", deadline=None)
settings.register_profile("short", deadline=None, max_examples=20)
settings.load_profile("whole")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keeps what is collected out of the garbage collector's way.

    Modules, tests and their parameters are half a million objects that live until the end. The
    collector would look at all of them again and again, for a fifth of the time of a session. After
    that it looks less often than usual: what pytest keeps of each test stays as well.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(10_000, 10, 10)
        gc.enable()


def pytest_configure() -> None:
    """Has tests log tracebacks as they are.

    structlog draws them with the values of all variables by default, which takes 30 ms each: tests
    of what fails then spend their time on it.
    """
    *others, renderer = structlog.get_config()["processors"]
    if isinstance(renderer, structlog.dev.ConsoleRenderer):
        plain = structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        )
        structlog.configure(processors=[*others, plain])


def pytest_sessionfinish() -> None:
    """Ends what has imported services for the tests."""
    end_fork_servers()


@pytest.fixture(scope="session")
def test_infrastructure() -> Infrastructure:
    """Where the session's servers come from."""
    return infrastructure()


@pytest.fixture(scope="session")
def postgres_server(test_infrastructure: Infrastructure) -> Iterator[PostgresAddress]:
    """The session's PostgreSQL server, entered as its superuser."""
    with test_infrastructure.postgres() as address:
        yield address


@pytest.fixture(scope="session")
def redis_server(test_infrastructure: Infrastructure) -> Iterator[RedisAddress]:
    """The session's Redis server."""
    with test_infrastructure.redis() as address:
        yield address


@pytest.fixture(scope="session")
def nats_server(test_infrastructure: Infrastructure) -> Iterator[NatsAddress]:
    """The session's NATS server."""
    with test_infrastructure.nats() as address:
        yield address


@pytest.fixture(scope="session")
def session_databases(postgres_server: PostgresAddress) -> Iterator[Databases]:
    """All databases that this session makes."""
    with databases(postgres_server) as made:
        yield made


@pytest.fixture(scope="session")
def template_database(session_databases: Databases) -> TemplateDatabase:
    """Makes a migrated database to copy, once a session for each name."""
    return session_databases.template


@pytest.fixture(scope="session")
def service_role(session_databases: Databases) -> str:
    """A role that may do nothing but what it is given, as a service's."""
    return session_databases.service_role()


@pytest.fixture(scope="session")
def migrated(template_database: TemplateDatabase, service_role: str) -> Migrated:
    """Makes a database to copy of a package of migrations."""
    from delinkcious.migrations import migrate  # only those who ask pay for SQLAlchemy

    def template(migrations: ModuleType) -> str:
        return template_database(
            migrations.__name__, lambda address: migrate(address, migrations, role=service_role)
        )

    return template


@pytest.fixture
def new_database(session_databases: Databases) -> Iterator[NewDatabase]:
    """Makes databases for one test, empty or copies of a template."""
    made: list[PostgresAddress] = []

    def create(template: str = EMPTY) -> PostgresAddress:
        made.append(session_databases.create(template))
        return made[-1]

    yield create
    for database in made:
        session_databases.drop(database.name)


@pytest.fixture
def postgres_database(new_database: NewDatabase) -> PostgresAddress:
    """An empty database."""
    return new_database()


@pytest.fixture
def address(template: str, new_database: NewDatabase) -> PostgresAddress:
    """A database of the service whose tests these are, entered as the server's superuser."""
    return new_database(template)


@pytest.fixture
def owner(address: PostgresAddress) -> "Iterator[Database]":
    """That database, as the one enters it to whom everything there belongs."""
    from delinkcious.database import Database

    database = Database("database", address)
    yield database
    database.close()


@pytest.fixture
def database(address: PostgresAddress, service_role: str) -> "Iterator[Database]":
    """That database, as the service enters it: with the privileges of its role, and no others."""
    from delinkcious.database import Database

    database = Database("database", replace(address, user=service_role))
    yield database
    database.close()


@pytest.fixture
def redis_address(redis_server: RedisAddress) -> RedisAddress:
    """An empty Redis."""
    flush(redis_server)
    return redis_server


@pytest.fixture
def nats_address(nats_server: NatsAddress) -> NatsAddress:
    """A broker without streams."""
    delete_streams(nats_server)
    return nats_server
