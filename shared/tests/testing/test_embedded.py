"""The embedded servers: real, protected, and up again after a crash."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from delinkcious.testing.embedded import EmbeddedNats, EmbeddedPostgres, EmbeddedRedis
from delinkcious.testing.running import RunningServer, running
from delinkcious.testing.waiting import free_port, wait_until

pytestmark = pytest.mark.integration


@pytest.fixture
def postgres(tmp_path: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(tmp_path / "postgres", free_port(), "right", durable=False)


@pytest.fixture
def running_postgres(postgres: EmbeddedPostgres, tmp_path: Path) -> Iterator[RunningServer]:
    with running(postgres, tmp_path / "log") as process:
        yield process


@pytest.fixture
def redis_server(tmp_path: Path) -> EmbeddedRedis:
    return EmbeddedRedis(tmp_path / "redis", free_port(), "right")


def test_postgres_is_version_18(
    postgres: EmbeddedPostgres, running_postgres: RunningServer
) -> None:
    with psycopg.connect(postgres.address.conninfo) as connection:
        assert connection.info.server_version // 10_000 == 18


def test_postgres_refuses_a_wrong_password(
    postgres: EmbeddedPostgres, running_postgres: RunningServer
) -> None:
    conninfo = postgres.address.conninfo.replace("right", "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(conninfo)


def test_postgres_listens_on_the_loopback_interface_only(
    postgres: EmbeddedPostgres, running_postgres: RunningServer
) -> None:
    with psycopg.connect(postgres.address.conninfo) as connection:
        assert connection.execute("show listen_addresses").fetchone() == ("127.0.0.1",)
        assert connection.execute("show unix_socket_directories").fetchone() == ("",)


def test_postgres_keeps_its_data_when_killed(
    postgres: EmbeddedPostgres, running_postgres: RunningServer, tmp_path: Path
) -> None:
    with psycopg.connect(postgres.address.conninfo) as connection:
        connection.execute("create table kept as select 42 as answer")
    running_postgres.kill()
    # The orphans of a killed server hold its shared memory for a moment: a supervisor retries.
    wait_until(lambda: _starts(running_postgres), timeout=30)
    with psycopg.connect(postgres.address.conninfo) as connection:
        assert connection.execute("select answer from kept").fetchone() == (42,)


def _starts(process: RunningServer) -> bool:
    try:
        process.start()
    except RuntimeError:
        process.stop()
        return False
    return True


def test_a_half_made_cluster_is_made_again(postgres: EmbeddedPostgres) -> None:
    draft = postgres.directory / "data.draft"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18")
    postgres.prepare()
    assert (postgres.directory / "data" / "global" / "pg_control").exists()


def test_preparing_again_changes_nothing(postgres: EmbeddedPostgres) -> None:
    postgres.prepare()
    created = (postgres.directory / "data" / "PG_VERSION").stat().st_mtime_ns
    postgres.prepare()
    assert (postgres.directory / "data" / "PG_VERSION").stat().st_mtime_ns == created


def test_the_password_is_on_no_command_line_and_in_no_readable_file(
    postgres: EmbeddedPostgres, redis_server: EmbeddedRedis
) -> None:
    for server in (postgres, redis_server):
        server.prepare()
        assert "right" not in " ".join(server.command())
    assert stat.S_IMODE((redis_server.directory / "redis.conf").stat().st_mode) == 0o600
    assert not (postgres.directory / "password.draft").exists()


def test_redis_lets_nobody_in_without_the_password(
    redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    with (
        running(redis_server, tmp_path / "log"),
        redis.Redis(port=redis_server.port, retry=Retry(NoBackoff(), 0)) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()


def test_redis_keeps_its_data_when_killed(redis_server: EmbeddedRedis, tmp_path: Path) -> None:
    with (
        running(redis_server, tmp_path / "log") as process,
        redis.Redis.from_url(redis_server.address.url) as client,
    ):
        client.set("kept", "42")
        process.kill()
        process.start()
        assert client.get("kept") == b"42"


def test_nats_has_jetstream_and_monitoring(tmp_path: Path) -> None:
    server = EmbeddedNats(tmp_path / "nats", free_port(), free_port())
    monitoring = f"http://127.0.0.1:{server.monitoring_port}/jsz"
    with running(server, tmp_path / "log"), urlopen(monitoring) as answer:
        assert json.load(answer)["config"]["store_dir"].startswith(str(tmp_path))


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    port = free_port()
    with (
        running(EmbeddedRedis(tmp_path / "first", port, "one"), tmp_path / "first.log"),
        pytest.raises(RuntimeError, match=r"redis ended at once: (?s:.*)in use"),
        running(EmbeddedRedis(tmp_path / "second", port, "two"), tmp_path / "second.log"),
    ):
        pass


def test_postgres_runs_as_an_ordinary_user_whoever_starts_it(
    running_postgres: RunningServer,
) -> None:
    assert Path(f"/proc/{running_postgres.pid}").stat().st_uid != 0
