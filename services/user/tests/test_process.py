"""The real processes: ``serve``, ``work`` and ``migrate``, on real servers."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import nats
import orjson
import pytest
from nats.js.errors import NotFoundError

from delinkcious.clients.users import UserClient
from delinkcious.config import Address
from delinkcious.database import Database
from delinkcious.errors import Unauthenticated, Unavailable
from delinkcious.http.client import HttpClient
from delinkcious.object_model.users import GitHubIdentity
from delinkcious.testing.addresses import NatsAddress, PostgresAddress
from delinkcious.testing.embedded import EmbeddedNats, EmbeddedPostgres
from delinkcious.testing.peers import auth_file, token_of
from delinkcious.testing.process import ServiceProcess, run_command
from delinkcious.testing.running import running
from delinkcious.testing.settings import nats_settings, postgres_settings
from delinkcious.testing.waiting import eventually, free_port, wait_until

pytestmark = pytest.mark.integration

SERVICE = "user_service"
ALICE = GitHubIdentity(1001, "Alice", "Alice A.", "alice@example.com")


def settings(folder: Path, database: PostgresAddress, broker: NatsAddress) -> dict[str, str]:
    return {
        "MUTUAL_AUTH_FILE": str(auth_file(folder / "mutual-auth.yaml", "api-gateway")),
        **postgres_settings("USER_DB", database),
        **nats_settings(broker),
    }


@pytest.fixture
def env(tmp_path: Path, address: PostgresAddress, nats_address: NatsAddress) -> Mapping[str, str]:
    return settings(tmp_path, address, nats_address)


@pytest.fixture
def serve(env: Mapping[str, str]) -> Iterator[ServiceProcess]:
    with ServiceProcess(SERVICE, "serve", env) as process:
        process.wait_ready()
        yield process


def client_of(process: ServiceProcess) -> UserClient:
    address = Address("127.0.0.1", process.port)
    return UserClient(HttpClient("user-manager", address, token=token_of("api-gateway")))


def test_both_roles_start_before_their_servers_and_say_what_they_wait_for(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path / "postgres", free_port(), "secret", durable=False)
    broker = EmbeddedNats(tmp_path / "nats", free_port(), free_port())
    env = settings(tmp_path, replace(postgres.address, name="user_manager"), broker.address)
    with (
        ServiceProcess(SERVICE, "serve", env) as serve,
        ServiceProcess(SERVICE, "work", env) as work,
    ):
        assert "user-db" in serve.wait_not_ready()
        wait_until(lambda: work.missing() == {"nats", "user-db"})
        with pytest.raises(Unavailable):
            client_of(serve).get_user("alice")
        with running(postgres, tmp_path / "postgres.log"):
            assert run_command(SERVICE, "migrate", env).returncode == 0
            serve.wait_ready()
            assert client_of(serve).register(ALICE).username == "alice"
            wait_until(lambda: work.missing() == {"nats"})
            with running(broker, tmp_path / "nats.log"):
                work.wait_ready()


async def test_a_registration_is_kept_and_published_without_the_email_address(
    serve: ServiceProcess, env: Mapping[str, str], nats_address: NatsAddress
) -> None:
    client_of(serve).register(ALICE)
    assert client_of(serve).get_user("alice").email == ALICE.email
    broker = await nats.connect(nats_address.url)

    async def published() -> bytes | None:
        with suppress(NotFoundError):
            return (await broker.jetstream().get_last_msg("USERS", "users.registered")).data
        return None

    with ServiceProcess(SERVICE, "work", env) as work:
        assert orjson.loads(await eventually(published, 30)) == {"username": "alice"}
        assert work.terminate() == 0
        assert ALICE.email not in serve.output() + work.output()
    await broker.close()


def test_a_session_outlives_the_process_and_dies_with_its_logout(
    serve: ServiceProcess, env: Mapping[str, str]
) -> None:
    client_of(serve).register(ALICE)
    token = client_of(serve).login("alice").access_token
    assert serve.terminate() == 0
    with ServiceProcess(SERVICE, "serve", env) as again:
        again.wait_ready()
        assert client_of(again).authenticate(token).username == "alice"
        client_of(again).logout(token)
        with pytest.raises(Unauthenticated):
            client_of(again).authenticate(token)
        assert token not in serve.output() + again.output()


def test_sessions_last_as_long_as_they_are_told_and_are_then_removed(
    env: Mapping[str, str], database: Database
) -> None:
    short = {**env, "SESSION_LIFETIME": "0.2"}
    with ServiceProcess(SERVICE, "serve", short) as serve:
        serve.wait_ready()
        client_of(serve).register(ALICE)
        token = client_of(serve).login("alice").access_token
        wait_until(lambda: is_over(serve, token))
    with ServiceProcess(SERVICE, "work", env), database.connection() as connection:
        wait_until(lambda: connection.execute("SELECT FROM sessions").rowcount == 0, 30)


def is_over(serve: ServiceProcess, token: str) -> bool:
    try:
        client_of(serve).authenticate(token)
    except Unauthenticated:
        return True
    return False


def test_a_setting_that_makes_no_sense_stops_the_start_with_one_line(
    env: Mapping[str, str],
) -> None:
    with ServiceProcess(SERVICE, "serve", {**env, "SESSION_LIFETIME": "-1"}) as process:
        assert process.wait() == 78
        assert "SESSION_LIFETIME" in process.output()
        assert len(process.output().splitlines()) == 1
