"""What only Postgres can show: races, and that a popular user costs no more than another."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, LiteralString

import pytest

from delinkcious.database import Database
from delinkcious.errors import AlreadyExists
from social_graph_service.manager import SocialGraphManager
from social_graph_service.postgres import FOLLOWERS, FOLLOWING, PostgresFollowStore

pytestmark = pytest.mark.integration

POPULAR = 100_000


@pytest.fixture
def crowded(database: Database, owner: Database) -> Database:
    """Everybody follows the hub, the hub follows everybody, and the same again elsewhere."""
    with owner.connection() as connection:
        connection.execute(
            "INSERT INTO follows (followed, follower)"
            " SELECT hub, 'user-' || n FROM unnest(ARRAY['hub', 'hub2']) hub,"
            " generate_series(1, %s) n"
            " UNION ALL SELECT 'user-' || n, 'hub' FROM generate_series(1, %s) n",
            [POPULAR, POPULAR],
        )
        connection.execute("VACUUM ANALYZE follows")
    return database


def plan_of(database: Database, statement: LiteralString, after: str) -> dict[str, Any]:
    """Returns the plan that the server keeps for the prepared statement, as it ran."""
    query = statement.replace("%s", "{}").format("$1", "$2", "$3")
    with database.connection() as connection:
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute(f"PREPARE page (text, text, bigint) AS {query}".encode())
        row = connection.execute(
            f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE page ('hub', '{after}', 1001)".encode()
        ).fetchone()
    plan: dict[str, Any] = row[0][0]["Plan"] if row else {}
    return plan


@pytest.mark.parametrize("after", ["", "user-5"])
@pytest.mark.parametrize(
    ("statement", "index"), [(FOLLOWERS, "follows_pkey"), (FOLLOWING, "follows_of_follower")]
)
def test_a_page_reads_its_rows_from_the_index_and_no_others(
    crowded: Database, statement: LiteralString, index: str, after: str
) -> None:
    plan = plan_of(crowded, statement, after)
    scan = plan["Plans"][0]
    assert (plan["Node Type"], scan["Node Type"], scan["Index Name"]) == (
        "Limit",
        "Index Only Scan",
        index,
    )
    assert "Filter" not in scan
    assert scan["Actual Rows"] == 1001
    assert scan["Heap Fetches"] == 0


def test_a_hundred_thousand_followers_are_walked_page_by_page(crowded: Database) -> None:
    manager = SocialGraphManager(PostgresFollowStore(crowded))
    names: list[str] = []
    token = None
    for _ in range(10):
        page = manager.get_followers("hub", token, 10_000)
        names += page.usernames
        token = page.next_page_token
    assert token is None
    assert len(names) == POPULAR
    assert names == sorted(set(names))


def test_of_many_who_follow_at_once_in_the_same_way_one_succeeds(database: Database) -> None:
    manager = SocialGraphManager(PostgresFollowStore(database))

    def follow(_: int) -> bool:
        try:
            manager.follow("alice", "bob")
        except AlreadyExists:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(follow, range(16))) == 1
    with database.connection() as connection:
        assert connection.execute("SELECT count(*) FROM outbox").fetchone() == (1,)
