"""The real processes: ``serve`` and ``work``, on a real broker and a real web server."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from nats.js.errors import NotFoundError

from delinkcious.config import Address
from delinkcious.errors import DelinkciousError
from delinkcious.http.client import HttpClient
from delinkcious.messaging.broker import Broker
from delinkcious.messaging.event import Event
from delinkcious.messaging.publisher import Publisher
from delinkcious.testing.addresses import NatsAddress
from delinkcious.testing.embedded import EmbeddedNats
from delinkcious.testing.peers import auth_file, token_of
from delinkcious.testing.process import ServiceProcess
from delinkcious.testing.running import running
from delinkcious.testing.settings import nats_settings
from delinkcious.testing.waiting import eventually, free_port

from .conftest import LOOPBACK
from .website import Website

pytestmark = pytest.mark.integration

SERVICE = "link_checker"


def settings(folder: Path, broker: NatsAddress) -> dict[str, str]:
    return {
        "MUTUAL_AUTH_FILE": str(auth_file(folder / "mutual-auth.yaml", "api-gateway")),
        "LINK_CHECKER_ALLOWED_NETWORKS": LOOPBACK,
        **nats_settings(broker),
    }


@pytest.fixture
def env(tmp_path: Path, nats_address: NatsAddress) -> Mapping[str, str]:
    return settings(tmp_path, nats_address)


class Link:
    """The link service's part: it asks, and reads the answers."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def ask(self, url_id: int, url: str, **more: object) -> Event:
        data = {"url_id": url_id, "url": url, **more}
        event = Event(
            type="links.check.requested", source="/link-manager", key=str(url_id), data=data
        )
        await Publisher(self._broker).publish([event])
        return event

    async def answer(self) -> dict[str, Any] | None:
        """The latest result, if there is one."""
        jetstream = self._broker.connection().jetstream
        with suppress(NotFoundError):
            message = await jetstream.get_last_msg("LINKS", "links.checked")
            return orjson.loads(message.data or b"")  # type: ignore[no-any-return]
        return None

    async def number_of_events(self, stream: str = "LINKS") -> int:
        info = await self._broker.connection().jetstream.stream_info(stream)
        return info.state.messages


@pytest.fixture
async def link(nats_address: NatsAddress) -> AsyncIterator[Link]:
    async with Broker(nats_address.host, nats_address.port, "tests") as broker:
        await broker.wait_connected()
        yield Link(broker)


def call(process: ServiceProcess, url: str) -> Any:
    address = Address("127.0.0.1", process.port)
    client = HttpClient("link-checker", address, token=token_of("api-gateway"))
    return client.request("POST", "/", json={"username": "alice", "url": url}).json()


async def test_a_request_is_checked_and_answered(
    env: Mapping[str, str], link: Link, website: Website
) -> None:
    url = website.url("/status/404?who=alice")
    with ServiceProcess(SERVICE, "work", env) as work:
        await link.ask(7, url)
        answer = await eventually(link.answer, 30)
        assert answer.pop("checked_at").endswith("Z")
        found = {"outcome": "not_found", "http_status": 404, "title": None, "moved_to": None}
        assert answer == {"url_id": 7, "url": url, **found}
        assert work.terminate() == 0
        (line,) = [line for line in work.logs() if line["event"] == "link_checked"]
        assert (line["host"], line["outcome"]) == ("127.0.0.1", "not_found")
        assert len(line["trace_id"]) == 32
        assert "alice" not in work.output()


async def test_the_title_of_a_page_is_told_to_who_wants_it(
    env: Mapping[str, str], link: Link, website: Website
) -> None:
    url = website.put("<title>Čeština</title>".encode("iso-8859-2"), "text/html; charset=latin2")
    with ServiceProcess(SERVICE, "work", env) as work:
        await link.ask(7, url, title_wanted=True)
        assert (await eventually(link.answer, 30))["title"] == "Čeština"
        assert work.terminate() == 0
        assert "tina" not in work.output()


async def test_a_private_address_is_refused_unless_it_is_allowed(
    env: Mapping[str, str], link: Link, website: Website
) -> None:
    with ServiceProcess(SERVICE, "work", {**env, "LINK_CHECKER_ALLOWED_NETWORKS": ""}):
        await link.ask(7, website.url())
        answer = await eventually(link.answer, 30)
    assert answer["outcome"] == "forbidden_address"
    assert website.requests == []


async def test_a_request_that_makes_no_sense_is_put_aside_and_the_next_is_answered(
    env: Mapping[str, str], link: Link, website: Website
) -> None:
    with ServiceProcess(SERVICE, "work", env):
        await link.ask("seven", website.url())  # type: ignore[arg-type]
        await link.ask(7, website.url())
        assert (await eventually(link.answer, 30))["outcome"] == "ok"

        async def put_aside() -> bool:
            return await link.number_of_events("DEAD_LETTERS") == 1

        await eventually(put_aside)


async def test_a_worker_that_is_told_to_stop_finishes_its_checks(
    env: Mapping[str, str], link: Link, website: Website
) -> None:
    with ServiceProcess(SERVICE, "work", env) as work:
        await link.ask(7, website.url("/once-released"))
        await eventually(lambda: website.requests, 30)
        os.kill(work.pid, signal.SIGTERM)
        await eventually(lambda: work.readiness()["status"] == "not ready")
        website.release()
        assert work.wait() == 0
    assert (await eventually(link.answer))["outcome"] == "ok"


async def test_a_check_that_takes_too_long_is_handed_to_another_worker(
    env: Mapping[str, str], link: Link, website: Website
) -> None:
    slow = {**env, "GRACE_PERIOD": "10", "LINK_CHECKER_TIMEOUT": "30"}
    with ServiceProcess(SERVICE, "work", slow) as leaving:
        await link.ask(7, website.url("/once-released"))
        await eventually(lambda: website.requests, 30)
        assert leaving.terminate() == 0
    website.release()
    with ServiceProcess(SERVICE, "work", env):
        assert (await eventually(link.answer, 10))["outcome"] == "ok"
    assert await link.number_of_events() == 2


async def test_the_function_answers_and_publishes(
    env: Mapping[str, str], link: Link, website: Website
) -> None:
    with ServiceProcess(SERVICE, "serve", env) as serve:
        serve.wait_ready()
        url = website.url("/status/410")
        found = {
            "url": url,
            "outcome": "gone",
            "status": "invalid",
            "http_status": 410,
            "title": None,
            "moved_to": None,
        }
        assert call(serve, url) == found
        answer = await link.answer()
        assert answer
        assert (answer["url_id"], answer["outcome"]) == (None, "gone")
        assert b'delinkcious_link_checks_total{outcome="gone"} 1.0' in serve.management("/metrics")
        assert serve.terminate() == 0


def test_both_roles_start_before_the_broker_and_go_on_when_it_comes(
    tmp_path: Path, website: Website
) -> None:
    broker = EmbeddedNats(tmp_path / "nats", free_port(), free_port())
    env = settings(tmp_path, broker.address)
    with (
        ServiceProcess(SERVICE, "serve", env) as serve,
        ServiceProcess(SERVICE, "work", env) as work,
    ):
        assert "nats" in serve.wait_not_ready()
        assert "nats" in work.wait_not_ready()
        with pytest.raises(DelinkciousError, match="could not be published"):
            call(serve, website.url())
        with running(broker, tmp_path / "nats.log"):
            serve.wait_ready()
            work.wait_ready()
            assert call(serve, website.url())["outcome"] == "ok"


@pytest.mark.parametrize("role", ["serve", "work"])
def test_a_wrong_network_stops_the_start_with_one_clear_line(
    env: Mapping[str, str], role: str
) -> None:
    wrong = {**env, "LINK_CHECKER_ALLOWED_NETWORKS": "127.0.0.0/8,10.0.0.0/99"}
    with ServiceProcess(SERVICE, role, wrong) as process:
        assert process.wait() == 78
        (line,) = process.output().splitlines()
        assert "LINK_CHECKER_ALLOWED_NETWORKS: '10.0.0.0/99' is not a network" in line


def test_it_needs_no_database_driver() -> None:
    """Its image has none."""
    program = "import sys, link_checker.__main__; print('psycopg' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.strip() == b"False"
