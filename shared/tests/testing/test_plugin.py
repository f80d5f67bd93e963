"""What the fixtures promise to the tests of the services."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import nats
import psycopg
import pytest
import redis

from delinkcious.testing.addresses import NatsAddress, PostgresAddress, RedisAddress
from delinkcious.testing.databases import NewDatabase, TemplateDatabase
from delinkcious.testing.waiting import wait_until

pytestmark = pytest.mark.integration


def test_each_test_has_an_empty_database(
    postgres_database: PostgresAddress, new_database: NewDatabase
) -> None:
    assert postgres_database.name != new_database().name
    with psycopg.connect(postgres_database.conninfo) as connection:
        tables = connection.execute("select * from pg_tables where schemaname = 'public'")
        assert tables.fetchall() == []


def test_a_template_is_migrated_once_and_copied(
    template_database: TemplateDatabase, new_database: NewDatabase
) -> None:
    migrated: list[str] = []

    def migrate(database: PostgresAddress) -> None:
        migrated.append(database.name)
        with psycopg.connect(database.conninfo) as connection:
            connection.execute("create table fruit as select 'apple' as name")

    for _ in range(2):
        copy = new_database(template_database("of test_plugin", migrate))
        with psycopg.connect(copy.conninfo) as connection:
            assert connection.execute("delete from fruit returning name").fetchone() == ("apple",)
    assert len(migrated) == 1


def test_a_migration_that_leaves_a_connection_open_harms_nobody(
    template_database: TemplateDatabase, new_database: NewDatabase
) -> None:
    left_open: list[psycopg.Connection] = []

    def migrate(database: PostgresAddress) -> None:
        left_open.append(psycopg.connect(database.conninfo))

    assert new_database(template_database("left open", migrate)).answers()
    left_open[0].close()


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_an_empty_redis(redis_address: RedisAddress, turn: int) -> None:
    with redis.Redis.from_url(redis_address.url) as client:
        assert client.set("mine", turn, nx=True)


@pytest.mark.parametrize("turn", [1, 2])
async def test_each_test_has_a_broker_without_streams(nats_address: NatsAddress, turn: int) -> None:
    client = await nats.connect(nats_address.url)
    try:
        assert await client.jetstream().streams_info() == []
        await client.jetstream().add_stream(name="left", subjects=["left.>"])
    finally:
        await client.close()


_ENDING_SESSION = """
import os, signal
from pathlib import Path

def test_ends(redis_server):
    pids = os.popen(f"pgrep -P {{os.getpid()}} redis-server").read()
    Path({note!r}).write_text(pids)
    os.kill(os.getpid(), {signal})
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_server_outlives_its_session(end: signal.Signals, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    test = tmp_path / "test_ending.py"
    test.write_text(_ENDING_SESSION.format(note=str(note), signal=int(end)))
    plugins = ["-p", "no:schemathesis", "-p", "delinkcious.testing.plugin"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, str(test)]
    env = {**os.environ, "TEST_INFRA": "embedded"}  # containers are ended by their engine
    subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, check=False)
    pid = int(note.read_text())
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), message="the server is gone")
