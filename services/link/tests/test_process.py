"""The real processes: ``serve``, ``work`` and ``migrate``, on real servers."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from delinkcious.clients.links import LinkClient
from delinkcious.config import Address
from delinkcious.database import Database
from delinkcious.errors import FailedPrecondition
from delinkcious.http.client import HttpClient
from delinkcious.messaging.broker import Broker
from delinkcious.messaging.event import Event
from delinkcious.messaging.publisher import Publisher
from delinkcious.object_model.links import LinkQuery, LinkStatus, NewLink
from delinkcious.testing.addresses import NatsAddress, PostgresAddress
from delinkcious.testing.peers import auth_file, token_of
from delinkcious.testing.process import ServiceProcess, run_command
from delinkcious.testing.settings import nats_settings, postgres_settings
from delinkcious.testing.waiting import eventually, free_port, wait_until

pytestmark = pytest.mark.integration

SERVICE = "link_service"
URL = "https://example.com/"


@pytest.fixture
def env(tmp_path: Path, address: PostgresAddress, nats_address: NatsAddress) -> Mapping[str, str]:
    return {
        "MUTUAL_AUTH_FILE": str(auth_file(tmp_path / "mutual-auth.yaml", "api-gateway")),
        **postgres_settings("LINK_DB", address),
        **nats_settings(nats_address),
    }


@pytest.fixture
def serve(env: Mapping[str, str]) -> Iterator[ServiceProcess]:
    with ServiceProcess(SERVICE, "serve", env) as process:
        process.wait_ready()
        yield process


@pytest.fixture
def client(serve: ServiceProcess) -> LinkClient:
    address = Address("127.0.0.1", serve.port)
    return LinkClient(HttpClient("link-manager", address, token=token_of("api-gateway")))


@asynccontextmanager
async def publisher(nats_address: NatsAddress) -> AsyncIterator[Publisher]:
    async with Broker(nats_address.host, nats_address.port, "tests") as broker:
        await broker.wait_connected()
        yield Publisher(broker)


async def test_a_link_is_published_and_takes_in_its_check(
    client: LinkClient, env: Mapping[str, str], nats_address: NatsAddress, database: Database
) -> None:
    client.add_link("alice", NewLink(URL))
    with ServiceProcess(SERVICE, "work", env) as work:
        work.wait_ready()
        await eventually(lambda: unpublished(database) == 0)
        async with publisher(nats_address) as events:
            now = datetime.now(UTC).isoformat()
            data = {"url_id": 1, "url": URL, "outcome": "ok", "http_status": 200, "checked_at": now}
            checked = Event(type="links.checked", source="/tests", key="1", data=data)
            await events.publish([checked, checked])
        await eventually(lambda: status(client) is LinkStatus.VALID)
        assert work.terminate() == 0


def unpublished(database: Database) -> int:
    with database.connection() as connection:
        query = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
        row = connection.execute(query).fetchone()
        return int(row[0]) if row else -1


def status(client: LinkClient) -> LinkStatus:
    return client.get_links(LinkQuery("alice")).links[0].status


def test_it_serves_without_the_broker_and_stops_when_told(
    client: LinkClient, serve: ServiceProcess, env: Mapping[str, str]
) -> None:
    assert "nats" not in serve.readiness()["dependencies"]
    client.add_link("alice", NewLink(URL))
    nowhere = {**env, "NATS_CLUSTER_SERVICE_PORT": str(free_port())}
    with ServiceProcess(SERVICE, "work", nowhere) as work:
        assert "nats" in work.wait_not_ready()
        assert work.terminate() == 0
    assert serve.terminate() == 0


def test_the_limit_of_links_changes_without_a_restart(
    env: Mapping[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "live.yaml"
    file.write_text("max_links_per_user: 1")
    with ServiceProcess(SERVICE, "serve", {**env, "LIVE_CONFIG_FILE": str(file)}) as serve:
        serve.wait_ready()
        address = Address("127.0.0.1", serve.port)
        client = LinkClient(HttpClient("link-manager", address, token=token_of("api-gateway")))
        client.add_link("alice", NewLink(URL))
        with pytest.raises(FailedPrecondition, match="at most 1 links"):
            client.add_link("alice", NewLink("https://another.example/"))
        file.write_text("max_links_per_user: 2")
        wait_until(lambda: "live_setting_changed" in serve.output())
        client.add_link("alice", NewLink("https://another.example/"))
        (line,) = [line for line in serve.logs() if line["event"] == "live_setting_changed"]
        assert (line["setting"], line["old"], line["new"]) == ("max_links_per_user", 1, 2)


def test_logs_are_json_without_what_people_wrote(client: LinkClient, serve: ServiceProcess) -> None:
    client.add_link("alice", NewLink("https://example.com/?secret=1", "A secret title"))
    client.get_links(LinkQuery("alice", title_regex="secret"))
    assert serve.terminate() == 0
    lines = [orjson.loads(line) for line in serve.output().splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert [(r["method"], r["route"], r["status"]) for r in requests] == [
        ("POST", "/links", 201),
        ("GET", "/links", 200),
    ]
    assert {r["caller"] for r in requests} == {"api-gateway"}
    assert all(len(r["trace_id"]) == 32 and r["duration_ms"] > 0 for r in requests)
    assert "secret" not in str(requests)


def test_metrics_and_info_are_on_the_management_port(
    client: LinkClient, serve: ServiceProcess
) -> None:
    client.get_links(LinkQuery("alice"))
    metrics = serve.management("/metrics").decode()
    assert 'route="/links",status="200"' in metrics
    info = orjson.loads(serve.management("/info"))
    assert (info["name"], info["role"]) == ("link-manager", "serve")


def test_migrating_again_is_harmless(env: Mapping[str, str]) -> None:
    assert run_command(SERVICE, "migrate", env).returncode == 0
    assert run_command(SERVICE, "migrate", env).returncode == 0


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "LINK_DB_SERVICE_PORT",
            "eighty",
            "link-manager: configuration error: LINK_DB_SERVICE_PORT:",
        ),
        ("MAX_LINKS_PER_USER", "0", "MAX_LINKS_PER_USER:"),
        ("MUTUAL_AUTH_FILE", "/nonexistent", "MUTUAL_AUTH_FILE: /nonexistent:"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_clear_line(
    env: Mapping[str, str], name: str, value: str, message: str
) -> None:
    with ServiceProcess(SERVICE, "serve", {**env, name: value}) as process:
        assert process.wait() == 78
        assert message in process.output().splitlines()[-1]
