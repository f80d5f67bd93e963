"""Postgres, Redis and NATS entered with user, password and TLS, all of it from files.

The embedded Postgres and Redis have no TLS, so a relay stands in front of them; NATS has it itself.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import psycopg
import pytest
import redis as redis_py
from pydantic import SecretStr
from structlog.testing import capture_logs

from delinkcious.config import (
    Address,
    BrokerSettings,
    ConfigurationError,
    Login,
    Port,
    PostgresAddress,
    ReadableFile,
    TlsFiles,
)
from delinkcious.database import AsyncDatabase, Database
from delinkcious.errors import Unavailable
from delinkcious.messaging.broker import Broker
from delinkcious.migrations import migrate
from delinkcious.redis import AsyncRedis, RedisAddress
from delinkcious.testing import addresses
from delinkcious.testing.certificates import LOOPBACK, Authority, tls_settings
from delinkcious.testing.embedded import EmbeddedNats
from delinkcious.testing.running import RunningServer, running
from delinkcious.testing.tls_relay import relaying
from delinkcious.testing.waiting import eventually, free_port

pytestmark = pytest.mark.integration

STORE = "store.example"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def service(authority: Authority) -> TlsFiles:
    """What the service shows, and whom it trusts."""
    return authority.issue("link-manager")


@pytest.fixture(scope="module")
def server(authority: Authority) -> TlsFiles:
    return authority.issue(STORE, *LOOPBACK)


@pytest.fixture
def strangers(tmp_path: Path) -> TlsFiles:
    """Files of another CA."""
    return Authority(tmp_path).issue("link-manager")


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("first\n")
    return path


@pytest.fixture
def role(postgres_server: addresses.PostgresAddress) -> Iterator[str]:
    """A role of the server whose password may be changed."""
    name = f"role_{uuid4().hex[:8]}"
    as_superuser(postgres_server, f"CREATE ROLE {name} LOGIN PASSWORD 'first'")
    yield name
    as_superuser(postgres_server, f"DROP ROLE {name}")


def as_superuser(server: addresses.PostgresAddress, statement: str) -> None:
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.fixture
def postgres(
    postgres_server: addresses.PostgresAddress,
    server: TlsFiles,
    service: TlsFiles,
    role: str,
    password: Path,
) -> Iterator[PostgresAddress]:
    with relaying("postgres", Address(postgres_server.host, postgres_server.port), server) as at:
        name = postgres_server.name
        yield PostgresAddress(at.host, at.port, role, "", name, password, service)


def enter(address: PostgresAddress) -> bool:
    database = Database("test-db", address)
    try:
        with database.connection() as connection:
            return connection.pgconn.ssl_in_use
    finally:
        database.close()


async def test_postgres_is_entered_over_mutual_tls(postgres: PostgresAddress) -> None:
    assert enter(postgres)
    async with (
        AsyncDatabase("test-db", postgres) as database,
        database.pool.connection() as connection,
    ):
        assert connection.pgconn.ssl_in_use


def test_postgres_that_is_somebody_else_is_not_told_the_password(
    postgres: PostgresAddress, strangers: TlsFiles, service: TlsFiles, authority: Authority
) -> None:
    """Neither one that another CA vouches for, nor one whose certificate has another name."""
    other_ca = TlsFiles(strangers.ca, service.cert, service.key)
    with pytest.raises(Unavailable):
        enter(replace(postgres, tls=other_ca))
    with (
        relaying("postgres", Address(postgres.host, postgres.port), authority.issue("x")) as at,
        pytest.raises(Unavailable),
        capture_logs() as logs,
    ):
        enter(replace(postgres, port=at.port))
    assert "certificate" in logs[0]["reason"]


def test_postgres_refuses_a_plain_caller_and_one_without_the_right_certificate(
    postgres: PostgresAddress, strangers: TlsFiles, service: TlsFiles
) -> None:
    no_certificate = TlsFiles(service.ca)
    wrong = TlsFiles(service.ca, strangers.cert, strangers.key)
    for tls in (no_certificate, wrong):
        with pytest.raises(Unavailable):
            enter(replace(postgres, tls=tls))
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(**{**replace(postgres, tls=None).parameters(), "sslmode": "disable"})


def test_a_new_password_of_postgres_is_read_when_it_connects(
    postgres: PostgresAddress,
    postgres_server: addresses.PostgresAddress,
    role: str,
    password: Path,
) -> None:
    assert enter(postgres)
    as_superuser(postgres_server, f"ALTER ROLE {role} PASSWORD 'second'")
    with pytest.raises(Unavailable):
        enter(postgres)
    password.write_text("second")
    assert enter(postgres)


def test_migrations_run_over_tls(
    postgres_server: addresses.PostgresAddress,
    postgres_database: addresses.PostgresAddress,
    server: TlsFiles,
    service: TlsFiles,
) -> None:
    from social_graph_service import migrations

    with relaying("postgres", Address(postgres_server.host, postgres_server.port), server) as at:
        address = replace(postgres_database, host=at.host, port=at.port, tls=service)
        migrate(address, migrations)
    with psycopg.connect(postgres_database.conninfo) as connection:
        connection.execute("SELECT FROM follows")


@pytest.fixture
def redis(
    redis_address: addresses.RedisAddress, server: TlsFiles, service: TlsFiles, password: Path
) -> Iterator[RedisAddress]:
    name = f"user-{uuid4().hex[:8]}"
    redis_admin(redis_address, "ACL", "SETUSER", name, "on", ">first", "~feed:*", "+@all")
    with relaying("redis", Address(redis_address.host, redis_address.port), server) as at:
        yield RedisAddress("localhost", at.port, "", name, password, service)
    redis_admin(redis_address, "ACL", "DELUSER", name)


def redis_admin(address: addresses.RedisAddress, *command: str) -> None:
    with redis_py.Redis.from_url(address.url) as client:
        client.execute_command(*command)


async def write(address: RedisAddress, key: str = "feed:alice") -> None:
    async with AsyncRedis("redis", address) as redis:
        with redis.guard() as client:
            await client.set(key, "value")


async def test_redis_is_entered_over_mutual_tls_as_a_user_with_keys_of_its_own(
    redis: RedisAddress,
) -> None:
    await write(redis)
    with pytest.raises(redis_py.exceptions.NoPermissionError):
        await write(redis, "limits:alice")


async def test_redis_that_is_somebody_else_is_not_told_the_password(
    redis: RedisAddress, strangers: TlsFiles, service: TlsFiles, authority: Authority
) -> None:
    other_ca = TlsFiles(strangers.ca, service.cert, service.key)
    with pytest.raises(Unavailable):
        await write(replace(redis, tls=other_ca))
    with (
        relaying("redis", Address(redis.host, redis.port), authority.issue("x")) as at,
        pytest.raises(Unavailable),
        capture_logs() as logs,
    ):
        await write(replace(redis, port=at.port))
    assert "certificate" in logs[0]["reason"]


async def test_redis_refuses_a_plain_caller_and_one_without_the_right_certificate(
    redis: RedisAddress, strangers: TlsFiles, service: TlsFiles
) -> None:
    wrong = TlsFiles(service.ca, strangers.cert, strangers.key)
    for tls in (None, TlsFiles(service.ca), wrong):
        with pytest.raises(Unavailable):
            await write(replace(redis, tls=tls))


async def test_a_new_password_of_redis_is_read_when_it_connects(
    redis: RedisAddress, redis_address: addresses.RedisAddress, password: Path
) -> None:
    async with AsyncRedis("redis", redis) as connected:
        with connected.guard() as client:
            await client.set("feed:alice", "1")
        redis_admin(redis_address, "ACL", "SETUSER", redis.user, "resetpass", ">second")
        await asyncio.to_thread(password.write_text, "second")
        await client.connection_pool.disconnect()
        with connected.guard() as client:
            await client.set("feed:alice", "2")


async def test_a_renewed_certificate_is_shown_to_redis_by_the_next_connection(
    redis: RedisAddress, tmp_path: Path, authority: Authority, strangers: TlsFiles
) -> None:
    issued = authority.issue("link-manager", into="renewed")
    paths = [tmp_path / f"own.{part}" for part in ("pem", "key")]

    def use(files: TlsFiles) -> None:
        for path, source in zip(paths, (files.cert, files.key), strict=True):
            assert source is not None
            path.write_bytes(source.read_bytes())

    use(issued)
    async with AsyncRedis("redis", replace(redis, tls=TlsFiles(issued.ca, *paths))) as connected:
        with connected.guard() as client:
            await client.ping()
        use(strangers)
        await client.connection_pool.disconnect()
        with pytest.raises(Unavailable), connected.guard() as client:
            await client.ping()
        use(issued)
        await client.connection_pool.disconnect()
        with connected.guard() as client:
            await client.ping()


@pytest.fixture
def nats(tmp_path: Path, server: TlsFiles) -> Iterator[RunningServer]:
    users = {"link-manager": "first"}
    embedded = EmbeddedNats(tmp_path / "nats", free_port(), free_port(), users, server)
    with running(embedded, tmp_path / "nats.log") as process:
        yield process


def broker(nats: RunningServer, login: Login, tls: TlsFiles | None, host: str = "") -> Broker:
    return Broker(host or "127.0.0.1", nats.server.port, "test", login=login, tls=tls)


async def test_nats_is_entered_over_mutual_tls_by_who_knows_the_password(
    nats: RunningServer, service: TlsFiles, strangers: TlsFiles, password: Path
) -> None:
    login = Login("link-manager", file=password)
    refused = [
        broker(nats, login, None),
        broker(nats, login, TlsFiles(service.ca)),
        broker(nats, login, TlsFiles(service.ca, strangers.cert, strangers.key)),
        broker(nats, login, TlsFiles(strangers.ca, service.cert, service.key)),
        broker(nats, Login("link-manager", "wrong"), service),
        broker(nats, Login(), service),
    ]
    for each in refused:
        logs = await complaint(each)
        assert "first" not in str(logs)
    async with broker(nats, login, service) as entered:
        await entered.wait_connected()


async def test_a_nats_that_does_not_encrypt_is_not_told_the_password(
    tmp_path: Path, service: TlsFiles
) -> None:
    """Whoever stands between may say that no encryption is wanted."""
    plain = EmbeddedNats(tmp_path / "nats", free_port(), free_port())
    with running(plain, tmp_path / "nats.log") as process:
        logs = await complaint(broker(process, Login("link-manager", "first"), service))
    assert "secure" in logs[-1]["reason"].lower()


async def complaint(broker: Broker) -> Sequence[Mapping[str, Any]]:
    """Returns what is logged until the broker is said not to be reachable."""
    with capture_logs() as logs:
        async with broker:
            await eventually(lambda: [log for log in logs if log["event"] == "broker_unreachable"])
            assert not broker.connected
    return logs[: next(n for n, log in enumerate(logs, 1) if log["event"] == "broker_unreachable")]


class Settings(BrokerSettings):
    """Settings with a database."""

    service_name: ClassVar[str] = "test"
    link_db_service_host: str = "localhost"
    link_db_service_port: Port = 5432
    link_db_name: str = "link_manager"
    link_db_user: str = "link_manager"
    link_db_password: SecretStr = SecretStr("")
    link_db_tls_ca_file: ReadableFile | None = None
    link_db_tls_cert_file: ReadableFile | None = None
    link_db_tls_key_file: ReadableFile | None = None


def test_all_of_it_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, service: TlsFiles, tmp_path: Path
) -> None:
    user = tmp_path / "user"
    user.write_text("somebody")
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    given = {
        "PORT": "1",
        "LINK_DB_USER_FILE": str(user),
        "LINK_DB_PASSWORD_FILE": str(secret),
        "NATS_CLUSTER_USER_FILE": str(user),
        "NATS_CLUSTER_PASSWORD_FILE": str(secret),
        **tls_settings(service, "LINK_DB_"),
        **tls_settings(service, "NATS_CLUSTER_"),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    address = settings._postgres("link_db")
    assert (address.user, address.tls) == ("somebody", service)
    assert (settings.nats_login.user, settings.nats_tls) == ("somebody", service)
    secret.write_text("changed")
    assert address.parameters()["password"] == "changed"
    assert settings.nats_login.password == "changed"
    secret.unlink()
    assert address.parameters()["password"] == "s3cret"
    assert "s3cret" not in f"{settings.redacted()} {address} {settings.nats_login}"


def test_half_of_a_stores_certificate_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, service: TlsFiles
) -> None:
    monkeypatch.setenv("PORT", "1")
    monkeypatch.setenv("LINK_DB_TLS_CERT_FILE", str(service.cert))
    with pytest.raises(ConfigurationError, match="LINK_DB_TLS_CA_FILE"):
        Settings.load()
