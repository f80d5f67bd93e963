"""The pytest plugin of the repository: real servers for the tests that ask for them.

One set of servers serves a test session; each is started by the first test that needs it. A test
gets a database of its own, an empty Redis and an empty broker. `infrastructure` says where the
servers come from.

A service that wants a migrated database in its tests makes the template once per session:

    @pytest.fixture(scope="session")
    def template(template_database: TemplateDatabase) -> str:
        return template_database("link", lambda database: migrate(database.conninfo))

    @pytest.fixture
    def database(template: str, new_database: NewDatabase) -> PostgresAddress:
        return new_database(template)
"""

from collections.abc import Iterator

import pytest
import structlog

from delinkcious.testing.addresses import NatsAddress, PostgresAddress, RedisAddress
from delinkcious.testing.cleaning import delete_streams, flush
from delinkcious.testing.databases import (
    EMPTY,
    Databases,
    NewDatabase,
    TemplateDatabase,
    databases,
)
from delinkcious.testing.infrastructure import Infrastructure, infrastructure


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
def redis_address(redis_server: RedisAddress) -> RedisAddress:
    """An empty Redis."""
    flush(redis_server)
    return redis_server


@pytest.fixture
def nats_address(nats_server: NatsAddress) -> NatsAddress:
    """A broker without streams."""
    delete_streams(nats_server)
    return nats_server
