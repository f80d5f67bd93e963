"""Everything that serves and works, together: what is published, who consumes it, what is told."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Final

import nats
import pytest

from delinkcious.clients.links import LinkClient
from delinkcious.clients.social_graph import SocialGraphClient
from delinkcious.clients.users import UserClient
from delinkcious.config import Address
from delinkcious.http.client import HttpClient
from delinkcious.messaging.streams import DEAD_LETTERS, STREAMS
from delinkcious.object_model.links import LinkChange, NewLink
from delinkcious.object_model.users import GitHubIdentity
from delinkcious.testing.addresses import NatsAddress, RedisAddress
from delinkcious.testing.databases import Migrated, NewDatabase
from delinkcious.testing.process import ServiceProcess, run_command
from delinkcious.testing.settings import nats_settings, postgres_settings, redis_settings
from delinkcious.testing.waiting import eventually, wait_until
from link_service import migrations as link_migrations
from social_graph_service import migrations as graph_migrations
from tests.pipeline import catalogue
from tests.pipeline.published import read_all
from user_service import migrations as user_migrations

pytestmark = pytest.mark.integration

SERVING: Final = {
    "link_service": "LINK_MANAGER",
    "social_graph_service": "SOCIAL_GRAPH_MANAGER",
    "user_service": "USER_MANAGER",
}
WORKING: Final = (
    "link_service",
    "social_graph_service",
    "user_service",
    "news_service",
    "link_checker",
)
URL: Final = "http://127.0.0.1:9/"
"""The checker must not go there, so no check leaves the machine."""


class Platform:
    """One of every process that publishes or consumes."""

    def __init__(self, stack: ExitStack, env: Mapping[str, str]) -> None:
        self.env = dict(env)
        self._stack = stack
        peers = {}
        for module, name in SERVING.items():
            peers[module] = self._start(module, "serve")
            self.env[f"{name}_SERVICE_HOST"] = "127.0.0.1"
            self.env[f"{name}_SERVICE_PORT"] = str(peers[module].port)
        self.workers = {module: self._start(module, "work") for module in WORKING}
        for process in (*peers.values(), *self.workers.values()):
            process.wait_ready(60)
        self.links = LinkClient(_http("link-manager", peers["link_service"]))
        self.graph = SocialGraphClient(_http("social-graph-manager", peers["social_graph_service"]))
        self.users = UserClient(_http("user-manager", peers["user_service"]))

    def _start(self, module: str, role: str) -> ServiceProcess:
        return self._stack.enter_context(ServiceProcess(module, role, self.env))

    def use(self) -> None:
        """Does everything that services tell each other."""
        for number, name in enumerate(("alice", "bob"), 1):
            self.users.register(GitHubIdentity(number, name, name, f"{name}@example.com"))
        self.graph.follow("alice", "bob")
        self.links.add_link("alice", NewLink(URL))
        self.links.update_link("alice", LinkChange(URL, title="nine"))
        self.links.delete_link("alice", URL)
        self.graph.unfollow("alice", "bob")
        self.users.delete_account("alice")


def _http(name: str, process: ServiceProcess) -> HttpClient:
    return HttpClient(name, Address("127.0.0.1", process.port))


@pytest.fixture
def platform(
    migrated: Migrated,
    new_database: NewDatabase,
    nats_address: NatsAddress,
    redis_address: RedisAddress,
) -> Iterator[Platform]:
    env = {
        "DELINKCIOUS_MUTUAL_AUTH": "false",
        **postgres_settings("LINK_DB", new_database(migrated(link_migrations))),
        **postgres_settings("SOCIAL_GRAPH_DB", new_database(migrated(graph_migrations))),
        **postgres_settings("USER_DB", new_database(migrated(user_migrations))),
        **nats_settings(nats_address),
        **redis_settings("NEWS_MANAGER_REDIS", redis_address),
    }
    with ExitStack() as stack:
        yield Platform(stack, env)


async def test_services_send_and_receive_what_the_catalogue_says_and_nothing_else(
    platform: Platform, nats_address: NatsAddress
) -> None:
    """That each event is valid is seen to by a fixture, here and in every other test."""
    await asyncio.to_thread(platform.use)
    may = {(o.service, o.subject) for o in catalogue.operations() if o.action == "send"}
    sends = may - {(o.service, o.subject) for o in catalogue.operations() if o.best_effort}

    async def all_is_sent() -> bool:
        return {(e.source, e.subject) for e in await read_all(nats_address)} >= sends

    await eventually(all_is_sent, 30, message="all that the catalogue says is sent")
    assert {(e.source, e.subject) for e in await read_all(nats_address)} <= may
    receives = {(o.consumer, o.subject) for o in catalogue.operations() if o.consumer}
    consumers = await consumers_of(nats_address)
    assert {(c, s) for c, subjects in consumers.items() for s in subjects} == receives
    commands = await asyncio.gather(
        *(asyncio.to_thread(consumers_of_command, module, platform.env) for module in WORKING)
    )
    assert sorted(name for names in commands for name in names) == sorted(consumers)


async def consumers_of(address: NatsAddress) -> dict[str, set[str]]:
    """Returns the subjects of every durable consumer, its replays left out."""
    client = await nats.connect(address.url)
    try:
        jetstream = client.jetstream()
        return {
            str(info.name): set(info.config.filter_subjects or ())
            - {stream.replay_subject(str(info.name))}
            for stream in STREAMS
            for info in await jetstream.consumers_info(stream.name)
        }
    finally:
        await client.close()


def consumers_of_command(module: str, env: Mapping[str, str]) -> list[str]:
    """Returns the consumers whose dead letters a service's command knows."""
    said = run_command(module, "dead-letters", env, arguments=["list", "--help"]).stdout
    found = re.search(r"--consumer \{([^}]*)\}", said)
    return found[1].split(",") if found else []


async def test_a_worker_tells_all_that_the_page_about_events_promises(
    platform: Platform, nats_address: NatsAddress
) -> None:
    await asyncio.to_thread(platform.use)
    client = await nats.connect(nats_address.url)
    await client.jetstream().publish("links.checked", b"no event")
    await client.close()
    worker = platform.workers["link_service"]

    def all_is_told() -> bool:
        told = worker.management("/metrics").decode()
        return all(re.search(rf"^{name}(_count)?[{{ ]", told, re.MULTILINE) for name in promised())

    await asyncio.to_thread(wait_until, all_is_told, 20)
    told = worker.management("/metrics").decode()
    assert 'delinkcious_dead_letters{consumer="link-checks",subject="links.checked"} 1.0' in told
    assert 'delinkcious_event_publish_failures_total{type="links.added"} 0.0' in told
    ours = set(
        re.findall(
            r"^# TYPE (delinkcious_(?:outbox|event|consumer|dead|broker)\w+)", told, re.MULTILINE
        )
    )
    assert {name for name in ours if not name.endswith("_created")} == promised()


def promised() -> set[str]:
    """Returns the metrics in the table of the page."""
    page = (catalogue.DOCUMENT.parent / "events.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `(delinkcious_\w+)` \|", page, re.MULTILINE))


async def test_a_poisoned_event_is_replayed_after_the_fix(
    platform: Platform, nats_address: NatsAddress
) -> None:
    """What cannot be read now may be read by the next version; here it never can."""
    client = await nats.connect(nats_address.url)
    jetstream = client.jetstream()
    await jetstream.publish("links.checked", b"{", headers={"x": "y"})

    async def number_of_dead(subject: str) -> int:
        info = await jetstream.stream_info(DEAD_LETTERS.name, subject)
        return sum((info.state.subjects or {}).values())

    async def it_is_dead() -> bool:
        return await number_of_dead("dead.link-checks.links.checked") == 1

    await eventually(it_is_dead)
    done = await asyncio.to_thread(
        run_command, "link_service", "dead-letters", platform.env, arguments=["replay", "--all"]
    )
    assert (done.returncode, done.stdout.split()[0]) == (0, "replayed")
    last = (await jetstream.stream_info(DEAD_LETTERS.name)).state.last_seq

    async def it_is_dead_again() -> bool:
        state = (await jetstream.stream_info(DEAD_LETTERS.name)).state
        return state.messages == 1 and state.last_seq >= max(2, last)

    await eventually(it_is_dead_again)
    await client.close()
