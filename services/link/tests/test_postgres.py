"""What only the real store can show: concurrency, broken connections, and the shape of its JSON."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest

from delinkcious.database import Database
from delinkcious.errors import AlreadyExists, DelinkciousError, FailedPrecondition, InvalidArgument
from delinkcious.object_model.links import LinkQuery, LinkStatus, NewLink, Order, Sort
from delinkcious.schemas.links import LinkSchema
from link_service.manager import LinkManager
from link_service.postgres import PostgresLinkStore

pytestmark = pytest.mark.integration

URL = "https://example.com/"
THREADS = 8


@pytest.fixture
def manager(database: Database) -> LinkManager:
    return LinkManager(PostgresLinkStore(database), max_links_per_user=5)


def outcomes(call: Callable[[int], object]) -> list[str]:
    """What each of many calls at once came to, as the names of their errors."""

    def outcome(number: int) -> str:
        try:
            call(number)
        except DelinkciousError as error:
            return type(error).__name__
        return "ok"

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(outcome, range(THREADS * 4)))


def test_the_limit_holds_under_concurrent_adds(manager: LinkManager, database: Database) -> None:
    found = outcomes(lambda n: manager.add_link("alice", NewLink(f"{URL}{n}")))
    assert found.count("ok") == 5
    assert set(found) == {"ok", FailedPrecondition.__name__}
    assert len(manager.get_links(LinkQuery("alice")).links) == 5


def test_the_same_link_added_at_once_is_added_once(
    manager: LinkManager, database: Database
) -> None:
    found = outcomes(lambda _: manager.add_link("alice", NewLink(URL)))
    assert found.count("ok") == 1
    assert set(found) == {"ok", AlreadyExists.__name__}


def test_many_users_adding_and_deleting_one_url_never_collide(
    manager: LinkManager, database: Database
) -> None:
    def add_and_delete(number: int) -> None:
        for _ in range(5):
            manager.add_link(f"user-{number}", NewLink(URL))
            manager.delete_link(f"user-{number}", URL)

    assert set(outcomes(add_and_delete)) == {"ok"}
    with database.connection() as connection:
        assert connection.execute("SELECT count(*) FROM urls").fetchone() == (0,)
        counts = connection.execute("SELECT DISTINCT link_count FROM collections").fetchall()
        assert counts == [(0,)]


def test_one_user_adding_and_deleting_at_once_never_collides(
    manager: LinkManager, database: Database
) -> None:
    def add_then_delete(_: int) -> None:
        manager.add_link("alice", NewLink(URL))
        manager.delete_link("alice", URL)

    found = set(outcomes(add_then_delete))
    assert found <= {"ok", "AlreadyExists", "NotFound", "FailedPrecondition"}


def test_postgres_builds_the_json_that_the_schema_describes(
    manager: LinkManager, database: Database
) -> None:
    manager.add_link("alice", NewLink(URL, 'quotes " and é \\', "line\nbreak", ("tag",)))
    with database.connection() as connection:
        connection.execute(
            "UPDATE urls SET status = 'invalid', outcome = 'timeout', checked_at = now()"
        )
        connection.execute("UPDATE links SET status = 'invalid'")
    page = manager.get_links(LinkQuery("alice"))
    fields: dict[str, Any] = orjson.loads(page.body)["links"][0]
    assert list(fields) == list(LinkSchema.model_fields)
    link = LinkSchema.model_validate(fields)
    assert (link.title, link.description) == ('quotes " and é \\', "line\nbreak")
    assert link.last_check
    assert link.created_at.utcoffset() is not None
    assert page.links[0].status is LinkStatus.INVALID


@pytest.mark.parametrize("sort", [Sort.CREATED, Sort.UPDATED])
def test_pages_reach_links_of_any_date(
    manager: LinkManager, database: Database, sort: Sort
) -> None:
    """Imported links keep their dates, some of which are older than computers."""
    dates = ["0001-01-01", "1969-12-31 23:59:59.999999", "1970-01-01", "9999-12-31 23:59:59.999999"]
    with database.connection() as connection:
        for at in dates:
            link = manager.add_link("alice", NewLink(f"{URL}{at.replace(' ', 'T')}"))
            connection.execute(
                "UPDATE links SET created_at = %(at)s, updated_at = %(at)s WHERE id = %(id)s",
                {"at": f"{at}Z", "id": link.id},
            )
    for order, expected in ((Order.ASCENDING, dates), (Order.DESCENDING, dates[::-1])):
        seen: list[str] = []
        token = None
        for _ in dates:
            query = LinkQuery("alice", sort=sort, order=order, start_token=token, page_size=1)
            page = manager.get_links(query)
            seen += [link.url for link in page.links]
            token = page.next_page_token
        assert (seen, token) == ([f"{URL}{at.replace(' ', 'T')}" for at in expected], None)


def test_a_regular_expression_that_takes_for_ever_is_cut_off(manager: LinkManager) -> None:
    manager.add_link("alice", NewLink(URL, "a" * 301))
    with pytest.raises(InvalidArgument) as caught:
        manager.get_links(LinkQuery("alice", title_regex=r"^(a*)(a*)(a*)(a*)(a*)\1\2\3\4\5$"))
    assert caught.value.violations[0].field == "title_regex"
    assert len(manager.get_links(LinkQuery("alice")).links) == 1
