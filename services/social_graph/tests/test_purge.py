"""Deleted accounts, on the store in memory and on Postgres."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from delinkcious.database import Database
from delinkcious.deletion import DeletedUser
from delinkcious.errors import NotFound
from social_graph_service.manager import SocialGraphManager
from social_graph_service.memory import InMemoryFollowStore
from social_graph_service.ports import FollowStore
from social_graph_service.postgres import PostgresFollowStore

from .conftest import Published


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest) -> FollowStore:
    if request.param == "memory":
        memory: InMemoryFollowStore = request.getfixturevalue("memory")
        return memory
    return PostgresFollowStore(request.getfixturevalue("database"))


@pytest.fixture
def manager(store: FollowStore) -> SocialGraphManager:
    return SocialGraphManager(store)


def deleted(username: str = "alice", *, for_seconds: float = 60) -> DeletedUser:
    until = datetime.now(UTC) + timedelta(seconds=for_seconds)
    return DeletedUser(str(uuid4()), username, until)


def purge(store: FollowStore, user: DeletedUser) -> None:
    while not store.purge_some(user):
        pass


def test_follows_end_both_ways_and_those_of_others_stay(
    manager: SocialGraphManager, store: FollowStore, published: Published
) -> None:
    for other in ("bob", "carol", "dave"):
        manager.follow("alice", other)
        manager.follow(other, "alice")
    manager.follow("bob", "carol")
    user = deleted()
    purge(store, user)
    assert manager.get_followers("alice").usernames == ()
    assert manager.get_following("alice").usernames == ()
    assert manager.get_followers("bob").usernames == ("carol",)
    *unfollowed, last = published()[7:]
    ended = sorted((e.subject, e.data["followed"], e.data["follower"]) for e in unfollowed)
    others = ("bob", "carol", "dave")
    pairs = sorted([("alice", other) for other in others] + [(other, "alice") for other in others])
    assert ended == [("graph.unfollowed", *pair) for pair in pairs]
    assert all(event.data["account_deleted"] is True for event in unfollowed)
    assert (last.subject, last.key, last.data) == (
        "users.purged",
        user.deletion_id,
        {"deletion_id": user.deletion_id, "service": "social-graph-manager"},
    )


def test_who_has_nothing_is_purged_at_once(store: FollowStore, published: Published) -> None:
    assert store.purge_some(deleted())
    assert [event.subject for event in published()] == ["users.purged"]


def test_from_the_first_batch_on_nobody_follows_or_is_followed_under_the_name(
    manager: SocialGraphManager, store: FollowStore
) -> None:
    manager.follow("alice", "bob")
    user = deleted()
    assert not store.purge_some(user)
    for pair in (("alice", "carol"), ("carol", "alice")):
        with pytest.raises(NotFound, match="no such account"):
            manager.follow(*pair)
    purge(store, user)
    with pytest.raises(NotFound, match="no such account"):
        manager.follow("alice", "carol")
    manager.follow("bob", "carol")


def test_the_next_account_of_the_name_follows_and_an_event_that_is_repeated_leaves_it_alone(
    manager: SocialGraphManager, store: FollowStore, published: Published
) -> None:
    user = deleted(for_seconds=-1)
    purge(store, user)
    manager.follow("alice", "bob")
    purge(store, user)
    assert manager.get_followers("alice").usernames == ("bob",)
    assert [event.subject for event in published()].count("users.purged") == 2


@pytest.mark.integration
def test_nothing_slips_in_while_an_account_is_deleted(database: Database) -> None:
    store = PostgresFollowStore(database)
    manager = SocialGraphManager(store)

    def follow(number: int) -> None:
        try:
            manager.follow("alice", f"bob{number}")
        except NotFound:
            return

    with ThreadPoolExecutor(8) as threads:
        follows = [threads.submit(follow, number) for number in range(200)]
        user = deleted()
        purge(store, user)
        for each in follows:
            each.result()
    assert manager.get_followers("alice").usernames == ()


@pytest.mark.integration
def test_a_large_account_goes_batch_by_batch_and_the_name_is_not_kept(database: Database) -> None:
    store = PostgresFollowStore(database)
    with database.connection() as connection:
        connection.execute(
            "INSERT INTO follows SELECT 'alice', 'f' || n FROM generate_series(1, 1200) AS n"
        )
    user = deleted()
    assert [store.purge_some(user) for _ in range(4)] == [False, False, False, True]
    with database.connection() as connection:
        kept = connection.execute("SELECT purges::text FROM purges").fetchall()
    assert len(kept) == 1
    assert "alice" not in str(kept)
