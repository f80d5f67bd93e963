"""Postgres as the services use it: each thread its connection, and every loss borne."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import monotonic
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from delinkcious.config import PostgresAddress
from delinkcious.database import AsyncDatabase, Database
from delinkcious.errors import NotFound, Unavailable
from delinkcious.testing.embedded import EmbeddedPostgres
from delinkcious.testing.running import RunningServer
from delinkcious.testing.waiting import eventually, free_port, wait_until

pytestmark = pytest.mark.integration

Elsewhere = Callable[[str], list[Any]]
SCHEMA = """
    CREATE TABLE alembic_version (version_num text);
    CREATE TABLE fruit (name text PRIMARY KEY);
"""


def migrate(address: PostgresAddress) -> None:
    """Makes the little that these tests need."""
    with psycopg.connect(**address.parameters(), autocommit=True) as connection:
        connection.execute(SCHEMA)


@pytest.fixture
def address(postgres_database: PostgresAddress) -> PostgresAddress:
    migrate(postgres_database)
    return postgres_database


@pytest.fixture
def database(address: PostgresAddress) -> Iterator[Database]:
    database = Database("test-db", address)
    yield database
    database.close()


@pytest.fixture
def elsewhere(address: PostgresAddress) -> Iterator[Elsewhere]:
    """Runs a statement over a connection that has nothing to do with the database under test."""
    with psycopg.connect(**address.parameters(), autocommit=True) as connection:

        def execute(statement: str) -> list[Any]:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

        yield execute


@pytest.fixture
def other_thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as thread:
        yield thread


def value(database: Database, statement: str) -> Any:
    """Returns the only value of a statement."""
    with database.connection() as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row
    return row[0]


def pid(database: Database) -> int:
    """Returns which process of the server serves this thread."""
    return int(value(database, "SELECT pg_backend_pid()"))


def pid_and_close(database: Database) -> int:
    """The same for a thread that ends."""
    try:
        return pid(database)
    finally:
        database.close()


# Connections


def test_a_thread_keeps_its_connection(database: Database) -> None:
    assert pid(database) == pid(database)


def test_another_thread_has_another(database: Database, other_thread: ThreadPoolExecutor) -> None:
    assert other_thread.submit(pid_and_close, database).result() != pid(database)


def test_nothing_is_connected_before_it_is_needed(address: PostgresAddress) -> None:
    Database("test-db", replace(address, port=free_port()))


def test_every_connection_is_set_up_alike(database: Database) -> None:
    assert value(database, "SHOW timezone") == "UTC"
    assert value(database, "SHOW application_name") == "delinkcious"
    assert value(database, "SHOW statement_timeout") == "10s"
    assert value(database, "SHOW idle_in_transaction_session_timeout") == "30s"


def test_a_host_that_vanishes_is_noticed(database: Database) -> None:
    """Without these, a thread would wait two hours for an answer that no longer comes."""
    with database.connection() as connection:
        set_up = connection.info.get_parameters()
    assert int(set_up["keepalives_idle"]) <= 10
    assert int(set_up["tcp_user_timeout"]) <= 20_000


# Reading


def test_rows_are_fetched_by_one_call_again_and_again(database: Database) -> None:
    for number in (1, 2):
        assert database.fetch(b"SELECT %s, 'a'", [number]) == [(number, "a")]
    assert database.fetch(b"SELECT name FROM fruit WHERE name = %(name)s", {"name": "no"}) == []


def test_to_fetch_of_a_database_that_is_away_is_an_error_of_ours(
    address: PostgresAddress,
) -> None:
    away = Database("test-db", replace(address, port=free_port()))
    with pytest.raises(Unavailable, match="test-db does not answer"):
        away.fetch(b"SELECT 1", [])


def test_to_fetch_of_what_is_not_there_yet_is_an_error_of_ours(database: Database) -> None:
    with pytest.raises(Unavailable, match="has not been migrated"):
        database.fetch(b"SELECT 1 FROM vegetables", [])
    assert database.fetch(b"SELECT 1", []) == [(1,)]


def test_to_fetch_finds_a_connection_that_was_lost_anew(database: Database) -> None:
    (before,) = database.fetch(b"SELECT pg_backend_pid()", [])
    with pytest.raises(Unavailable):
        database.fetch(b"SELECT pg_terminate_backend(pg_backend_pid())", [])
    assert database.fetch(b"SELECT pg_backend_pid()", []) != [before]


# Units of work


def test_outside_a_transaction_each_statement_stands_for_itself(
    database: Database, elsewhere: Elsewhere
) -> None:
    with database.connection() as connection:
        connection.execute("INSERT INTO fruit VALUES ('apple')")
        assert elsewhere("SELECT name FROM fruit") == [("apple",)]


def test_a_transaction_is_seen_when_it_ends_well(database: Database, elsewhere: Elsewhere) -> None:
    with database.transaction() as connection:
        connection.execute("INSERT INTO fruit VALUES ('apple')")
        assert elsewhere("SELECT name FROM fruit") == []
    assert elsewhere("SELECT name FROM fruit") == [("apple",)]


def test_a_transaction_that_fails_leaves_nothing(database: Database, elsewhere: Elsewhere) -> None:
    def insert_and_fail() -> None:
        with database.transaction() as connection:
            connection.execute("INSERT INTO fruit VALUES ('apple')")
            raise NotFound("no")

    with pytest.raises(NotFound):
        insert_and_fail()
    assert elsewhere("SELECT name FROM fruit") == []


def test_an_error_of_a_statement_is_the_storess_business(database: Database) -> None:
    before = pid(database)
    for _ in range(2):
        with pytest.raises(psycopg.errors.UniqueViolation), database.transaction() as connection:
            connection.execute("INSERT INTO fruit VALUES ('apple'), ('apple')")
    assert pid(database) == before


# What makes it unavailable


@pytest.mark.parametrize(
    ("limit", "statement"),
    [
        ("statement_timeout", "SELECT pg_sleep(5)"),
        ("lock_timeout", "LOCK TABLE fruit"),
    ],
)
def test_a_statement_that_takes_too_long_is_given_up_and_only_that(
    database: Database, elsewhere: Elsewhere, limit: str, statement: str
) -> None:
    before = pid(database)
    value(database, f"SELECT set_config('{limit}', '50ms', false)")
    elsewhere("BEGIN; LOCK TABLE fruit")
    with pytest.raises(Unavailable, match="test-db") as raised, database.transaction() as busy:
        busy.execute(statement.encode())
    assert raised.value.retry_after
    assert pid(database) == before


def test_a_statement_that_was_given_up_does_not_keep_others_from_connecting(
    database: Database, other_thread: ThreadPoolExecutor
) -> None:
    value(database, "SELECT set_config('statement_timeout', '10ms', false)")
    with pytest.raises(Unavailable):
        value(database, "SELECT pg_sleep(5)")
    assert other_thread.submit(pid_and_close, database).result()


@pytest.mark.parametrize("statement", ["SELECT * FROM vegetable", "SELECT colour FROM fruit"])
def test_a_schema_that_is_behind_makes_it_unavailable(database: Database, statement: str) -> None:
    before = pid(database)
    with pytest.raises(Unavailable, match="test-db has not been migrated"):
        value(database, statement)
    assert pid(database) == before


def test_an_idle_connection_that_the_server_closed_costs_nobody_an_error(
    database: Database, elsewhere: Elsewhere
) -> None:
    before = pid(database)
    elsewhere(f"SELECT pg_terminate_backend({before}, 5000)")
    assert pid(database) != before


def test_a_connection_that_is_lost_under_way_makes_it_unavailable_once(
    database: Database, elsewhere: Elsewhere
) -> None:
    def insert_with_a_loss_between() -> None:
        with database.transaction() as connection:
            connection.execute("INSERT INTO fruit VALUES ('apple')")
            elsewhere(f"SELECT pg_terminate_backend({connection.info.backend_pid}, 5000)")
            connection.execute("INSERT INTO fruit VALUES ('pear')")

    with pytest.raises(Unavailable):
        insert_with_a_loss_between()
    assert value(database, "SELECT count(*) FROM fruit") == 0


def test_a_database_that_is_not_there_is_unavailable_at_once(address: PostgresAddress) -> None:
    database = Database("test-db", replace(address, port=free_port()))
    started = monotonic()
    for _ in range(20):
        with pytest.raises(Unavailable, match="test-db does not answer") as raised:
            pid(database)
        assert raised.value.retry_after
    assert monotonic() - started < 2


def test_while_it_is_down_it_is_not_asked_at_every_request(address: PostgresAddress) -> None:
    database = Database("test-db", replace(address, port=free_port()))
    with capture_logs() as logs:
        for _ in range(5):
            with pytest.raises(Unavailable):
                pid(database)
    assert 1 <= [log["event"] for log in logs].count("database_unavailable") < 5


def test_what_is_wrong_is_logged_without_secrets(address: PostgresAddress) -> None:
    database = Database("test-db", replace(address, password="s3cret"))
    with capture_logs() as logs, pytest.raises(Unavailable):
        pid(database)
    (log,) = logs
    assert (log["event"], log["database"]) == ("database_unavailable", "test-db")
    assert "password authentication failed" in log["reason"]
    assert "s3cret" not in str(log)
    assert "\n" not in log["reason"]


# Readiness


def test_a_database_that_answers_and_has_its_schema_is_ready(database: Database) -> None:
    database.check()


def test_one_without_a_schema_is_not(database: Database, elsewhere: Elsewhere) -> None:
    elsewhere("DROP TABLE alembic_version")
    with pytest.raises(Unavailable, match="test-db has not been migrated"):
        database.check()
    elsewhere("CREATE TABLE alembic_version (version_num text)")
    database.check()


def test_one_that_is_not_there_is_not(address: PostgresAddress) -> None:
    database = Database("test-db", replace(address, port=free_port()))
    for _ in range(2):
        with pytest.raises(Unavailable, match="test-db does not answer"):
            database.check()


def test_probes_share_one_connection_whichever_thread_they_come_from(
    database: Database, elsewhere: Elsewhere
) -> None:
    for _ in range(3):
        with ThreadPoolExecutor(1) as thread:
            thread.submit(database.check).result()
    count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    assert elsewhere(f"{count} AND pid <> pg_backend_pid()") == [(1,)]


def test_a_probe_whose_connection_was_closed_meanwhile_finds_the_database(
    database: Database, elsewhere: Elsewhere
) -> None:
    database.check()
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    elsewhere(f"SELECT pg_terminate_backend(pid, 5000) {others}")
    database.check()


def test_one_that_hangs_is_told_from_one_that_answers_before_it_does(
    database: Database, address: PostgresAddress, elsewhere: Elsewhere
) -> None:
    database.check()
    with psycopg.connect(**address.parameters()) as other:
        other.execute("LOCK TABLE alembic_version")
        for _ in range(2):
            with pytest.raises(Unavailable, match="test-db does not answer"):
                database.check()
        hanging = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        assert elsewhere(f"{hanging} AND datname = current_database()") == [(1,)]
    wait_until(lambda: answers(database))


# A server that stops and starts


@pytest.fixture
def restartable(
    postgres_process: RunningServer, own_postgres: EmbeddedPostgres
) -> Iterator[Database]:
    """A database on a server that the test may stop and start."""
    assert postgres_process.pid
    with psycopg.connect(**own_postgres.address.parameters(), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS alembic_version (version_num text)")
    database = Database("test-db", own_postgres.address)
    yield database
    database.close()


def test_a_restart_between_two_calls_costs_nobody_an_error(
    postgres_process: RunningServer, restartable: Database
) -> None:
    pid(restartable)
    restartable.check()
    postgres_process.stop()
    postgres_process.start()
    pid(restartable)
    restartable.check()


def test_an_outage_makes_it_unavailable_and_no_longer(
    postgres_process: RunningServer, restartable: Database
) -> None:
    pid(restartable)
    postgres_process.kill()
    try:
        wait_until(lambda: not answers(restartable))  # its processes outlive it for a moment
        started = monotonic()
        for _ in range(5):
            with pytest.raises(Unavailable):
                pid(restartable)
        with pytest.raises(Unavailable):
            restartable.check()
        assert monotonic() - started < 2
    finally:
        postgres_process.start()
    wait_until(lambda: answers(restartable), 2)
    restartable.check()


def answers(database: Database) -> bool:
    try:
        return pid(database) > 0
    except Unavailable:
        return False


# For workers


@pytest.fixture
async def pool(address: PostgresAddress) -> AsyncIterator[AsyncDatabase]:
    async with AsyncDatabase("test-db", address) as database:
        yield database


async def test_a_worker_has_a_pool(pool: AsyncDatabase, elsewhere: Elsewhere) -> None:
    async with pool.pool.connection() as connection:
        await connection.execute("INSERT INTO fruit VALUES ('apple')")
        assert elsewhere("SELECT name FROM fruit") == [("apple",)]
        row = await (await connection.execute("SHOW timezone")).fetchone()
    assert row == ("UTC",)


async def test_whether_the_database_is_there_can_be_asked_from_another_thread(
    pool: AsyncDatabase,
) -> None:
    await asyncio.to_thread(pool.check)


async def test_a_worker_starts_without_its_database_and_finds_it_later(
    postgres_process: RunningServer, own_postgres: EmbeddedPostgres
) -> None:
    postgres_process.stop()
    async with AsyncDatabase("test-db", own_postgres.address) as database:

        async def found() -> bool:
            try:
                await asyncio.to_thread(database.check)
            except Unavailable:
                return False
            return True

        with pytest.raises(Unavailable, match="test-db does not answer"):
            await asyncio.to_thread(database.check)
        await asyncio.to_thread(postgres_process.start)
        await eventually(found, 10)


def test_a_thread_that_ends_leaves_no_connection_behind(
    database: Database, elsewhere: Elsewhere
) -> None:
    """Servers take other threads now and then; connections are few."""
    ours = "SELECT pid FROM pg_stat_activity WHERE pid = {}"
    with ThreadPoolExecutor(1) as thread:
        pid = thread.submit(value, database, "SELECT pg_backend_pid()").result()
        assert elsewhere(ours.format(pid))
    wait_until(lambda: not elsewhere(ours.format(pid)))
