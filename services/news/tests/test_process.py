"""The real processes, ``serve`` and ``work``, with real servers and the real social graph."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from time import monotonic, time

import pytest

from delinkcious.auth import MutualAuth
from delinkcious.clients.news import NewsClient
from delinkcious.config import Address
from delinkcious.errors import Unavailable
from delinkcious.grpc.client import GrpcClient
from delinkcious.messaging import Broker, Event, Publisher
from delinkcious.object_model.links import NewLink
from delinkcious.testing.addresses import NatsAddress, RedisAddress
from delinkcious.testing.cleaning import flush
from delinkcious.testing.embedded import EmbeddedNats, EmbeddedRedis
from delinkcious.testing.peers import auth_file, token_of
from delinkcious.testing.process import ServiceProcess, run_command
from delinkcious.testing.running import running
from delinkcious.testing.serving import serving
from delinkcious.testing.settings import nats_settings, redis_settings
from delinkcious.testing.waiting import eventually, free_port, wait_until
from link_service.http import create_link_app
from link_service.manager import LinkManager
from link_service.memory import InMemoryLinkStore
from social_graph_service.http import create_social_graph_app
from social_graph_service.manager import SocialGraphManager
from social_graph_service.memory import InMemoryFollowStore

from .conftest import event_id as old_event_id

pytestmark = pytest.mark.integration

SERVICE = "news_service"
SOCIAL_GRAPH = "social-graph-manager"
LINK = "link-manager"
PEERS = (SOCIAL_GRAPH, LINK)


SOON = round(time() * 1000) + 3_600_000


def event_id(number: int) -> str:
    """The ``number``-th id, newer than anything that Redis may have lost."""
    return old_event_id(SOON + number)


class Neighbours:
    """The social graph service, in which bob follows alice, and the link service, which has a link
    of hers; served when a test wants them.
    """

    def __init__(self) -> None:
        self.social_graph_port, self.link_port = free_port(), free_port()
        self.social_graph = SocialGraphManager(InMemoryFollowStore())
        self.social_graph.follow("alice", "bob")
        self.links = LinkManager(InMemoryLinkStore(), max_links_per_user=1000)
        # One secret for the pair: each has it under the other's name.
        auth = {peer: MutualAuth({"news-manager": [token_of(peer)]}) for peer in PEERS}
        self._graph_app = create_social_graph_app(self.social_graph, auth[SOCIAL_GRAPH])
        self._link_app = create_link_app(self.links, auth[LINK])

    @contextmanager
    def served(self) -> Iterator[None]:
        with (
            serving(self._graph_app, self.social_graph_port),
            serving(self._link_app, self.link_port),
        ):
            yield


@pytest.fixture
def neighbours() -> Neighbours:
    return Neighbours()


def settings(
    folder: Path, redis: RedisAddress, broker: NatsAddress, neighbours: Neighbours
) -> dict[str, str]:
    return {
        "MUTUAL_AUTH_FILE": str(auth_file(folder / "auth.yaml", "api-gateway", *PEERS)),
        "SOCIAL_GRAPH_MANAGER_SERVICE_HOST": "127.0.0.1",
        "SOCIAL_GRAPH_MANAGER_SERVICE_PORT": str(neighbours.social_graph_port),
        "LINK_MANAGER_SERVICE_HOST": "127.0.0.1",
        "LINK_MANAGER_SERVICE_PORT": str(neighbours.link_port),
        **redis_settings("NEWS_MANAGER_REDIS", redis),
        **nats_settings(broker),
    }


@pytest.fixture
def env(
    tmp_path: Path,
    redis_address: RedisAddress,
    nats_address: NatsAddress,
    neighbours: Neighbours,
) -> dict[str, str]:
    return settings(tmp_path, redis_address, nats_address, neighbours)


@pytest.fixture
def serve(env: dict[str, str]) -> Iterator[ServiceProcess]:
    with ServiceProcess(SERVICE, "serve", env) as process:
        process.wait_ready()
        yield process


@pytest.fixture
def client(serve: ServiceProcess) -> Iterator[NewsClient]:
    with client_of(serve) as client:
        yield client


@contextmanager
def client_of(process: ServiceProcess) -> Iterator[NewsClient]:
    address = Address("127.0.0.1", process.port)
    client = GrpcClient("news-manager", address, token=token_of("api-gateway"))
    try:
        yield NewsClient(client)
    finally:
        client.close()


@pytest.fixture
async def publisher(nats_address: NatsAddress) -> AsyncIterator[Publisher]:
    async with Broker(nats_address.host, nats_address.port, "test") as broker:
        await broker.wait_connected()
        yield Publisher(broker)


def event_of(number: int, subject: str = "links.added", visibility: str = "public") -> Event:
    """What alice did with her ``number``-th link, as the link service tells it."""
    link = {
        "id": number,
        "url": f"https://example.com/{number}",
        "title": f"Title {number}",
        "tags": [],
        "visibility": visibility,
    }
    return Event(
        id=event_id(number),
        type=subject,
        source="/link-manager",
        key="alice",
        data={"author": "alice", "link": link},
    )


def follow_of(number: int, author: str, subject: str = "graph.followed") -> Event:
    """Bob begins to follow somebody, or ceases to."""
    return Event(
        id=event_id(number),
        type=subject,
        source="/social-graph-manager",
        key="bob",
        data={"followed": author, "follower": "bob"},
    )


def titles(client: NewsClient) -> list[str]:
    return [event.title for event in client.get_news("bob", page_size=1000).events]


async def test_what_people_do_with_links_becomes_news(
    env: dict[str, str], client: NewsClient, publisher: Publisher, neighbours: Neighbours
) -> None:
    with neighbours.served(), ServiceProcess(SERVICE, "work", env) as work:
        work.wait_ready()
        await publisher.publish(
            [
                event_of(1),
                event_of(2, "links.updated"),
                event_of(3, visibility="private"),
                event_of(4, "links.deleted"),
            ]
        )
        await eventually(lambda: len(titles(client)) == 3)
    events = client.get_news("bob").events
    assert [(event.event_type, event.url) for event in events] == [
        ("link_deleted", "https://example.com/4"),
        ("link_updated", "https://example.com/2"),
        ("link_added", "https://example.com/1"),
    ]
    assert {event.username for event in events} == {"alice"}
    assert client.get_news("alice").events == ()


async def test_two_workers_side_by_side_write_each_event_once(
    env: dict[str, str], client: NewsClient, publisher: Publisher, neighbours: Neighbours
) -> None:
    events = [event_of(number) for number in range(1, 201)]
    with (
        neighbours.served(),
        ServiceProcess(SERVICE, "work", env) as one,
        ServiceProcess(SERVICE, "work", env) as other,
    ):
        one.wait_ready()
        other.wait_ready()
        await publisher.publish(events)
        await eventually(lambda: handled(one) + handled(other) >= len(events))  # some come twice
    assert titles(client) == [f"Title {number}" for number in range(200, 0, -1)]


async def test_both_roles_start_before_their_servers_and_say_what_they_wait_for(
    tmp_path: Path, neighbours: Neighbours
) -> None:
    redis = EmbeddedRedis(tmp_path / "redis", free_port(), "secret", durable=False)
    broker = EmbeddedNats(tmp_path / "nats", free_port(), free_port())
    env = settings(tmp_path, redis.address, broker.address, neighbours)
    with (
        ServiceProcess(SERVICE, "serve", env) as serve,
        ServiceProcess(SERVICE, "work", env) as work,
    ):
        assert "redis" in serve.wait_not_ready()
        wait_until(lambda: work.missing() == {"nats", "redis", *PEERS}, 30)
        with client_of(serve) as client, pytest.raises(Unavailable):
            client.get_news("bob")
        with running(redis, tmp_path / "redis.log"):
            serve.wait_ready()
            wait_until(lambda: work.missing() == {"nats", *PEERS})
            with running(broker, tmp_path / "nats.log"):
                wait_until(lambda: work.missing() == set(PEERS))
                with neighbours.served():
                    work.wait_ready()


async def test_news_wait_for_what_is_away_and_come_when_it_is_back(
    tmp_path: Path, nats_address: NatsAddress, publisher: Publisher, neighbours: Neighbours
) -> None:
    server = EmbeddedRedis(tmp_path / "redis", free_port(), "secret")
    env = settings(tmp_path, server.address, nats_address, neighbours)
    with (
        running(server, tmp_path / "redis.log") as redis,
        ServiceProcess(SERVICE, "serve", env) as serve,
        ServiceProcess(SERVICE, "work", env) as work,
    ):
        serve.wait_ready()
        await publisher.publish([event_of(1)])
        await eventually(lambda: "consumer_deferring" in work.output())
        redis.kill()
        with neighbours.served(), client_of(serve) as client:
            wait_until(lambda: work.missing() == {"redis"})
            redis.start()
            serve.wait_ready()
            await eventually(lambda: titles(client) == ["Title 1"], 30)


def test_both_roles_end_well_when_told_to_stop(
    env: dict[str, str], serve: ServiceProcess, neighbours: Neighbours
) -> None:
    with neighbours.served(), ServiceProcess(SERVICE, "work", env) as work:
        work.wait_ready()
        assert work.terminate() == 0
        assert work.logs()[-1]["event"] == "stopped"
    assert serve.terminate() == 0
    assert serve.logs()[-1]["event"] == "stopped"


def test_calls_under_way_are_answered_when_it_is_told_to_stop(serve: ServiceProcess) -> None:
    """Under a steady load a client sees answers, and after them that nobody is there."""
    with client_of(serve) as client, ThreadPoolExecutor(2) as threads:
        counts = [threads.submit(count_answers, client) for _ in range(2)]
        wait_until(lambda: served(serve) > 20)
        assert serve.terminate() == 0
        assert sum(answers.result() for answers in counts) >= 20


def test_a_port_that_is_taken_is_one_clear_line(env: dict[str, str], serve: ServiceProcess) -> None:
    with ServiceProcess(SERVICE, "serve", {**env, "PORT": str(serve.port)}) as second:
        assert second.wait() != 0
        assert f"news-manager: cannot listen on 127.0.0.1:{serve.port}" in second.output()
        assert "Traceback" not in second.output()


@pytest.mark.parametrize("role", ["serve", "work"])
def test_without_a_mutual_auth_file_it_does_not_start(role: str, env: dict[str, str]) -> None:
    with ServiceProcess(SERVICE, role, {**env, "MUTUAL_AUTH_FILE": "/nowhere"}) as process:
        assert process.wait() != 0
        assert "MUTUAL_AUTH_FILE: /nowhere" in process.output()


def test_a_worker_without_a_token_for_the_social_graph_does_not_start(
    env: dict[str, str], tmp_path: Path
) -> None:
    file = auth_file(tmp_path / "gateway-only.yaml", "api-gateway", LINK)
    with ServiceProcess(SERVICE, "work", {**env, "MUTUAL_AUTH_FILE": str(file)}) as process:
        assert process.wait() != 0
        assert "there is no token for social-graph-manager" in process.output()


async def test_follows_and_links_change_feeds_at_once(
    env: dict[str, str], client: NewsClient, publisher: Publisher, neighbours: Neighbours
) -> None:
    neighbours.links.add_link("eve", NewLink("https://eve.example/", "Eve's"))
    with neighbours.served(), ServiceProcess(SERVICE, "work", env) as work:
        work.wait_ready()
        assert titles(client) == []
        await publisher.publish([follow_of(10, "eve")])
        await eventually(lambda: titles(client) == ["Eve's"])
        await publisher.publish([follow_of(11, "eve", "graph.unfollowed")])
        await eventually(lambda: titles(client) == [])


def test_what_redis_has_lost_is_rebuilt_when_it_is_read(
    redis_address: RedisAddress, client: NewsClient, neighbours: Neighbours
) -> None:
    with neighbours.served():
        for number in range(3):
            neighbours.links.add_link("alice", NewLink(f"https://{number}.example/", str(number)))
        for _ in range(2):
            assert titles(client) == ["2", "1", "0"]
            flush(redis_address)


def test_feeds_are_rebuilt_by_command(
    env: dict[str, str], client: NewsClient, neighbours: Neighbours
) -> None:
    neighbours.social_graph.follow("alice", "carol")
    neighbours.links.add_link("alice", NewLink("https://a.example/", "A"))
    with neighbours.served():
        done = run_command(SERVICE, "rebuild", env, arguments=["--all"])
        assert (done.returncode, done.stdout) == (0, "rebuilt: 2\n")
        done = run_command(SERVICE, "rebuild", env, arguments=["--user", "Bob"])
        assert (done.returncode, done.stdout) == (0, "rebuilt: 1\n")
    assert titles(client) == ["A"]
    done = run_command(SERVICE, "rebuild", env, arguments=["--all"])
    assert done.returncode == 69
    assert "social-graph-manager" in done.stderr
    assert run_command(SERVICE, "rebuild", env).returncode == 2


async def test_who_watches_is_told_and_let_go_when_it_is_told_to_stop(
    env: dict[str, str],
    serve: ServiceProcess,
    client: NewsClient,
    publisher: Publisher,
    neighbours: Neighbours,
) -> None:
    with (
        neighbours.served(),
        ServiceProcess(SERVICE, "work", env) as work,
        ThreadPoolExecutor(1) as threads,
    ):
        work.wait_ready()
        events = iter(client.watch_news("bob"))
        assert next(events) is None
        await publisher.publish([event_of(1)])
        told = await asyncio.to_thread(next, (event for event in events if event))
        assert told.title == "Title 1"
        rest = threads.submit(list, events)
        started = monotonic()
        assert await asyncio.to_thread(serve.terminate) == 0
        assert [event for event in rest.result(5) if event] == []
        assert monotonic() - started < 5


def count_answers(client: NewsClient) -> int:
    """Asks until nobody is there; any other error is one."""
    for answers in count():
        try:
            client.get_news("bob")
        except Unavailable:
            return answers
    raise AssertionError


def handled(process: ServiceProcess) -> int:
    """How many events a worker has handled."""
    name = "delinkcious_events_consumed_total"
    return metric(process, f'{name}{{consumer="news-links",outcome="handled"}} ')


def served(process: ServiceProcess) -> int:
    """How many calls a server has answered well."""
    name = "grpc_server_request_duration_seconds_count"
    return metric(process, f'{name}{{method="delinkcious.news.v1.News/GetNews",status="OK"}} ')


def metric(process: ServiceProcess, name: str) -> int:
    for line in process.management("/metrics").decode().splitlines():
        if line.startswith(name):
            return round(float(line.removeprefix(name)))
    return 0
