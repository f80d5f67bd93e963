"""The real processes: ``serve``, ``work`` and ``migrate``, on real servers."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import nats
import orjson
import pytest
from nats.js.errors import NotFoundError

from delinkcious.clients.social_graph import SocialGraphClient
from delinkcious.config import Address
from delinkcious.errors import Unavailable
from delinkcious.http.client import HttpClient
from delinkcious.testing.addresses import NatsAddress, PostgresAddress
from delinkcious.testing.embedded import EmbeddedNats, EmbeddedPostgres
from delinkcious.testing.peers import auth_file, token_of
from delinkcious.testing.process import ServiceProcess, run_command
from delinkcious.testing.running import running
from delinkcious.testing.settings import nats_settings, postgres_settings
from delinkcious.testing.waiting import eventually, free_port, wait_until

pytestmark = pytest.mark.integration

SERVICE = "social_graph_service"


def settings(folder: Path, database: PostgresAddress, broker: NatsAddress) -> dict[str, str]:
    return {
        "MUTUAL_AUTH_FILE": str(auth_file(folder / "mutual-auth.yaml", "api-gateway")),
        **postgres_settings("SOCIAL_GRAPH_DB", database),
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


def client_of(process: ServiceProcess) -> SocialGraphClient:
    address = Address("127.0.0.1", process.port)
    http = HttpClient("social-graph-manager", address, token=token_of("api-gateway"))
    return SocialGraphClient(http)


def test_both_roles_start_before_their_servers_and_say_what_they_wait_for(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path / "postgres", free_port(), "secret", durable=False)
    broker = EmbeddedNats(tmp_path / "nats", free_port(), free_port())
    database = replace(postgres.address, name="social_graph_manager")
    env = settings(tmp_path, database, broker.address)
    with (
        ServiceProcess(SERVICE, "serve", env) as serve,
        ServiceProcess(SERVICE, "work", env) as work,
    ):
        assert "social-graph-db" in serve.wait_not_ready()
        wait_until(lambda: work.missing() == {"nats", "social-graph-db"})
        with pytest.raises(Unavailable):
            client_of(serve).get_followers("alice")
        with running(postgres, tmp_path / "postgres.log"):
            assert run_command(SERVICE, "migrate", env).returncode == 0
            serve.wait_ready()
            assert client_of(serve).get_followers("alice").usernames == ()
            wait_until(lambda: work.missing() == {"nats"})
            with running(broker, tmp_path / "nats.log"):
                work.wait_ready()


async def test_what_a_client_does_is_kept_and_published(
    serve: ServiceProcess, env: Mapping[str, str], nats_address: NatsAddress
) -> None:
    client_of(serve).follow("alice", "bob")
    assert client_of(serve).get_followers("alice").usernames == ("bob",)
    broker = await nats.connect(nats_address.url)

    async def published() -> bytes | None:
        with suppress(NotFoundError):
            return (await broker.jetstream().get_last_msg("GRAPH", "graph.followed")).data
        return None

    with ServiceProcess(SERVICE, "work", env) as work:
        event = await eventually(published, 30)
        assert orjson.loads(event) == {"followed": "alice", "follower": "bob"}
        assert work.terminate() == 0
    await broker.close()


def test_a_serving_process_that_is_told_to_stop_ends_well(serve: ServiceProcess) -> None:
    assert serve.terminate() == 0
    assert [line["event"] for line in serve.logs()][-1] == "stopped"


def test_without_a_mutual_auth_file_it_does_not_start(env: Mapping[str, str]) -> None:
    wrong = {**env, "MUTUAL_AUTH_FILE": "/nowhere"}
    with ServiceProcess(SERVICE, "serve", wrong) as process:
        assert process.wait() != 0
        assert "MUTUAL_AUTH_FILE: /nowhere" in process.output()


def test_migrations_can_be_repeated_and_leave_the_data(
    serve: ServiceProcess, env: Mapping[str, str]
) -> None:
    client_of(serve).follow("alice", "bob")
    assert run_command(SERVICE, "migrate", env).returncode == 0
    assert client_of(serve).get_followers("alice").usernames == ("bob",)
