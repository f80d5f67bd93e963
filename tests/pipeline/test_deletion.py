"""An account is deleted everywhere, whatever is killed and whatever is under way meanwhile."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from typing import Any

import pytest
import redis

from delinkcious.clients.links import LinkClient
from delinkcious.clients.social_graph import SocialGraphClient
from delinkcious.clients.users import UserClient
from delinkcious.config import Address
from delinkcious.database import Database
from delinkcious.errors import FailedPrecondition, NotFound
from delinkcious.http.client import HttpClient
from delinkcious.object_model.links import LinkQuery, NewLink, Visibility
from delinkcious.object_model.users import DeletionStatus, GitHubIdentity
from delinkcious.testing.addresses import NatsAddress, PostgresAddress, RedisAddress
from delinkcious.testing.databases import Migrated, NewDatabase
from delinkcious.testing.process import ServiceProcess
from delinkcious.testing.settings import nats_settings, postgres_settings, redis_settings
from delinkcious.testing.waiting import wait_until
from link_service import migrations as link_migrations
from social_graph_service import migrations as graph_migrations
from user_service import migrations as user_migrations

pytestmark = pytest.mark.integration

ALICE = GitHubIdentity(1001, "alice", "Alice", "alice@example.com")
BOB = GitHubIdentity(1002, "bob", "Bob", "bob@example.com")
MANY = 10_000

_FILL = """
    WITH u AS (
        INSERT INTO urls (digest, url, host, check_due_at)
        SELECT sha256(n::text::bytea), 'https://example.com/' || n, 'example.com',
               now() + interval '1 day'
        FROM generate_series(1, %s) AS n RETURNING id, url
    )
    INSERT INTO links (username, url_id, url, title, description, tags, visibility, status,
                       version, title_key, search)
    SELECT 'alice', id, url, '', '', '{}', 'public', 'valid', 1, '', '' FROM u
"""


class Platform:
    """Every service that takes part; workers can be killed and started again."""

    def __init__(
        self,
        stack: ExitStack,
        env: Mapping[str, str],
        databases: Mapping[str, PostgresAddress],
        feeds: redis.Redis,
    ) -> None:
        self.feeds = feeds
        self._databases = {
            name: Database(f"{name}-db", address) for name, address in databases.items()
        }
        for database in self._databases.values():
            stack.callback(database.close)

        def start(module: str, role: str, settings: Mapping[str, str]) -> ServiceProcess:
            process = stack.enter_context(ServiceProcess(f"{module}_service", role, settings))
            process.wait_ready()
            return process

        served = {name: start(name, "serve", env) for name in databases}
        http = {
            name: HttpClient(name, Address("127.0.0.1", process.port))
            for name, process in served.items()
        }
        self.users = UserClient(http["user"])
        self.links = LinkClient(http["link"])
        self.graph = SocialGraphClient(http["social_graph"])
        peers = {
            "SOCIAL_GRAPH_MANAGER_SERVICE_HOST": "127.0.0.1",
            "SOCIAL_GRAPH_MANAGER_SERVICE_PORT": str(served["social_graph"].port),
            "LINK_MANAGER_SERVICE_HOST": "127.0.0.1",
            "LINK_MANAGER_SERVICE_PORT": str(served["link"].port),
        }
        self.workers = {
            name: start(name, "work", {**env, **peers}) for name in (*databases, "news")
        }

    def populate(self) -> None:
        """Alice and Bob follow each other, and Bob has read what Alice saved."""
        for identity in (ALICE, BOB):
            self.users.register(identity)
        self.graph.follow("alice", "bob")
        self.graph.follow("bob", "alice")
        for username in ("alice", "bob"):
            self.links.add_link(username, NewLink("https://example.com/shared", tags=("a",)))
            private = NewLink(f"https://example.com/{username}", visibility=Visibility.PRIVATE)
            self.links.add_link(username, private)
        wait_until(lambda: self.entries_of("alice") and self.entries_of("bob"))

    def entries_of(self, reader: str) -> list[str]:
        """Whose news are in a feed."""
        entries: Any = self.feeds.zrange(f"feed:{reader}", 0, -1)
        return [entry.decode().partition(" ")[2] for entry in entries]

    def count(self, name: str, statement: str, *parameters: object) -> int:
        with self._databases[name].connection() as connection:
            return connection.execute(statement.encode(), parameters).rowcount

    def wait_done(self, deletion_id: str) -> None:
        done = DeletionStatus.DONE
        wait_until(lambda: self.users.get_deletion(deletion_id).status is done, 60)

    def traces(self, username: str = "alice") -> dict[str, int]:
        """How many rows and keys still are of a user, where there are any."""
        owned = ("links", "link_tags", "collections", "tag_counts", "tombstones", "imports")
        found = {
            table: self.count("link", f"SELECT FROM {table} WHERE username = %s", username)
            for table in owned
        }
        follows = "SELECT FROM follows WHERE %s IN (followed, follower)"
        found["follows"] = self.count("social_graph", follows, username)
        found["accounts"] = self.count("user", "SELECT FROM accounts WHERE username = %s", username)
        found["audit"] = self.count("user", "SELECT FROM audit WHERE username = %s", username)
        orphans = "SELECT FROM urls u WHERE NOT EXISTS (SELECT FROM links WHERE url_id = u.id)"
        found["urls"] = self.count("link", orphans)
        for key in self.feeds.scan_iter(f"*:*{username}*"):
            found[key.decode()] = 1
        readers = [key.decode().partition(":")[2] for key in self.feeds.scan_iter("feed:*")]
        found["entries"] = sum(self.entries_of(reader).count(username) for reader in readers)
        return {name: number for name, number in found.items() if number}


@pytest.fixture
def platform(
    migrated: Migrated,
    new_database: NewDatabase,
    nats_address: NatsAddress,
    redis_address: RedisAddress,
) -> Iterator[Platform]:
    databases = {
        "user": new_database(migrated(user_migrations)),
        "link": new_database(migrated(link_migrations)),
        "social_graph": new_database(migrated(graph_migrations)),
    }
    env = {
        "DELINKCIOUS_MUTUAL_AUTH": "false",
        "DELETION_QUARANTINE": "1",
        "DELETION_PATIENCE": "2",
        **postgres_settings("USER_DB", databases["user"]),
        **postgres_settings("LINK_DB", databases["link"]),
        **postgres_settings("SOCIAL_GRAPH_DB", databases["social_graph"]),
        **nats_settings(nats_address),
        **redis_settings("NEWS_MANAGER_REDIS", redis_address),
    }
    feeds = redis.Redis(
        host=redis_address.host, port=redis_address.port, password=redis_address.password or None
    )
    with ExitStack() as stack:
        stack.callback(feeds.close)
        yield Platform(stack, env, databases, feeds)


def test_everything_of_the_account_goes_and_the_next_one_of_the_name_is_empty(
    platform: Platform,
) -> None:
    platform.populate()
    deletion = platform.users.delete_account("alice")
    with pytest.raises(FailedPrecondition):
        platform.users.register(ALICE)
    platform.wait_done(deletion.id)
    assert all(platform.users.get_deletion(deletion.id).services.values())
    assert platform.traces() == {}
    assert len(platform.links.get_links(LinkQuery("bob")).links) == 2
    assert platform.users.register(ALICE).username == "alice"
    platform.links.add_link("alice", NewLink("https://example.com/new"))
    platform.graph.follow("alice", "bob")
    wait_until(lambda: "alice" in platform.entries_of("bob"))


def test_who_is_killed_in_the_middle_goes_on_where_it_was(platform: Platform) -> None:
    platform.populate()
    platform.count("link", _FILL, MANY)
    follows = "INSERT INTO follows SELECT 'alice', 'f' || n FROM generate_series(1, %s) AS n"
    platform.count("social_graph", follows, MANY)
    links = "SELECT FROM links WHERE username = 'alice'"
    some_are_gone = f"SELECT WHERE (SELECT count(*) FROM links WHERE username = 'alice') < {MANY}"
    worker = platform.workers["link"]
    deletion = platform.users.delete_account("alice")
    wait_until(lambda: platform.count("link", some_are_gone), interval=0.005)
    worker.kill()
    platform.workers["social_graph"].kill()
    assert 0 < platform.count("link", links) < MANY
    platform.workers["news"].kill()
    platform.workers["user"].kill()
    for each in platform.workers.values():
        each.start()
    platform.wait_done(deletion.id)
    assert platform.traces() == {}


def test_who_is_away_is_told_again_and_repeated_events_do_no_harm(platform: Platform) -> None:
    platform.populate()
    away = [platform.workers[name] for name in ("social_graph", "news")]
    for each in away:
        each.kill()
    deletion = platform.users.delete_account("alice")
    told = "SELECT FROM outbox WHERE subject = 'users.deleted' AND published_at IS NOT NULL"
    wait_until(lambda: platform.count("user", told) >= 2, 30)
    assert platform.users.get_deletion(deletion.id).status is DeletionStatus.RUNNING
    worker = platform.workers["user"]
    in_progress = b"delinkcious_deletions_in_progress 1.0"
    wait_until(lambda: in_progress in worker.management("/metrics"))
    hangs = wait_until(lambda: [log for log in worker.logs() if log["event"] == "deletion_hangs"])
    assert {"news-manager", "social-graph-manager"} <= set(hangs[0]["waits_for"])
    for each in away:
        each.start()
    platform.wait_done(deletion.id)
    assert platform.traces() == {}
    assert "alice" not in platform.workers["user"].output()


def test_requests_that_are_under_way_leave_nothing_behind(platform: Platform) -> None:
    platform.populate()
    numbers = count()

    def save() -> int:
        """Goes on as a session that some gateway still takes for good."""
        saved = 0
        try:
            while True:
                number = next(numbers)
                platform.links.add_link("alice", NewLink(f"https://example.com/{number}"))
                platform.graph.follow("alice", f"reader{number}")
                platform.graph.follow(f"author{number}", "alice")
                saved += 1
        except NotFound:
            return saved

    with ThreadPoolExecutor(3) as threads:
        savers = [threads.submit(save) for _ in range(3)]
        wait_until(lambda: next(numbers) > 30)
        deletion = platform.users.delete_account("alice")
        assert all(saver.result(60) for saver in savers)
    platform.wait_done(deletion.id)
    assert platform.traces() == {}
