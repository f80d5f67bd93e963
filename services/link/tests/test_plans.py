"""No query reads a whole table: each is served by the index that docs/search.md names."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from delinkcious.database import Database
from delinkcious.object_model.links import LinkQuery, LinkStatus, Order, Sort, Visibility
from delinkcious.testing.databases import Databases
from link_service.domain import title_key, url_digest
from link_service.postgres import CHANGES, LATEST, LOOKUP, TAGS
from link_service.queries import page_of_links, page_token, time_key
from link_service.schedule import DUE, OVERDUE, PATIENCE, PER_HOST, UNANSWERED
from link_service.search import search_vector
from link_service.transaction import SAVE_URL

Parameters = Mapping[str, object] | list[object]

pytestmark = pytest.mark.integration

USERS = 4
LINKS = 6000
COLUMNS = (
    "username, url_id, url, title, description, tags, visibility, status, created_at, updated_at,"
    " version, title_key, search"
)


@pytest.fixture(scope="module")
def filled(session_databases: Databases, template: str) -> Iterator[Database]:
    """Some thousand links of some users: enough to make a scan of the table the slower way. Plans
    change nothing, so one will do for all.
    """
    address = session_databases.create(template)
    database = Database("link-db", address)
    _fill(database)
    yield database
    database.close()
    session_databases.drop(address.name)


def _fill(database: Database) -> None:
    with database.connection() as connection, connection.cursor() as cursor:
        with cursor.copy(
            "COPY urls (id, digest, url, host, status, check_due_at) FROM STDIN"
        ) as copy:
            for number in range(USERS * LINKS):
                host = f"site-{number % 50}.example"
                url = f"http://{host}/{number}"
                status = _status(number)
                copy.write_row((number, url_digest(url), url, host, status, datetime.now(UTC)))
        with cursor.copy(f"COPY links ({COLUMNS}) FROM STDIN".encode()) as copy:
            for number in range(USERS * LINKS):
                copy.write_row(_link(number))
        cursor.execute(
            "INSERT INTO link_tags SELECT username, unnest(tags), created_at, id FROM links"
        )
        cursor.execute(
            "INSERT INTO tag_counts SELECT username, tag, count(*) FROM link_tags GROUP BY 1, 2"
        )
        cursor.execute(
            "INSERT INTO tombstones SELECT username, version, id, url, created_at FROM links"
        )
        cursor.execute("VACUUM ANALYZE")


def _status(number: int) -> str:
    return "invalid" if number % 50 == 0 else "valid"


def _link(number: int) -> tuple[object, ...]:
    username, url = f"user-{number % USERS}", f"http://site-{number % 50}.example/{number}"
    title, tags = f"word-{number % 300} common text", (f"tag-{number % 1500}", "all")
    at = datetime(2010, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    vector = search_vector(
        username, url=url, title=title, description="", tags=tags, visibility=Visibility.PUBLIC
    )
    return (
        username, number, url, title, "", list(tags), "public", _status(number), at, at, number,
        title_key(title), vector,
    )  # fmt: skip


def plan(database: Database, sql: bytes, parameters: Parameters) -> str:
    """What Postgres does for a statement."""
    with database.connection() as connection:
        lines = connection.execute(b"EXPLAIN " + sql, parameters).fetchall()
    return "\n".join(line for (line,) in lines)


def check(found: str, *indexes: str) -> None:
    assert "Seq Scan" not in found, found
    for index in indexes:
        assert index in found, found


@pytest.mark.parametrize(
    ("query", "indexes"),
    [
        ({}, ["links_newest"]),
        ({"order": Order.ASCENDING}, ["links_newest"]),
        ({"sort": Sort.UPDATED}, ["links_updated"]),
        ({"sort": Sort.TITLE}, ["links_by_title"]),
        ({"status": LinkStatus.INVALID}, ["links_not_valid"]),
        ({"q": "is:invalid"}, ["links_not_valid"]),
        ({"q": "is:valid"}, ["links_newest"]),
        ({"tags": ("tag-7",)}, ["link_tags_pkey"]),
        ({"q": "#tag-7"}, ["link_tags_pkey"]),
        ({"tags": ("tag-7", "all")}, ["links_newest", "links_search"]),
        ({"q": "word"}, ["links_newest", "links_search"]),
        ({"q": "word*"}, ["links_newest", "links_search"]),
        ({"q": '"common text"'}, ["links_newest", "links_search"]),
        ({"q": "word OR other"}, ["links_newest", "links_search"]),
        ({"q": "word -common"}, ["links_newest", "links_search"]),
        ({"q": "word", "sort": Sort.TITLE}, ["links_by_title", "links_search"]),
        ({"q": "site:site-3.example"}, ["links_newest", "links_search"]),
        ({"q": "untagged"}, ["links_newest", "links_search"]),
        ({"q": "-word"}, ["links_newest"]),
        ({"q": "before:2011"}, ["links_newest"]),
        ({"public_only": True}, ["links_newest", "links_search"]),
        ({"title_regex": "x"}, ["links_newest"]),
    ],
)
def test_a_page_of_links(filled: Database, query: dict[str, object], indexes: list[str]) -> None:
    first = LinkQuery("user-1", **query)  # type: ignore[arg-type]
    key = "word" if first.sort is Sort.TITLE else time_key(datetime(2010, 1, 7, tzinfo=UTC))
    later = replace(first, start_token=page_token(first, key, 1))
    for page in (first, later):
        statement = page_of_links(page)
        check(plan(filled, statement.sql, statement.parameters), *indexes)


def test_the_other_lists(filled: Database) -> None:
    check(plan(filled, TAGS.encode(), ["user-1", "", "", "", 100]), "tag_counts_pkey")
    lookup = {"username": "user-1", "digest": b"x"}
    check(plan(filled, LOOKUP.encode(), lookup), "urls_digest_key", "links_of_url")
    latest = {"authors": ["user-1", "user-2"], "limit": 20}
    check(plan(filled, LATEST.encode(), latest), "links_news")
    changes = {"username": "user-1", "version": 5, "id": 5, "limit": 100}
    check(plan(filled, CHANGES.encode(), changes), "links_changed", "tombstones_pkey")


def test_the_schedule_of_checks(filled: Database) -> None:
    due = {"urgent": False, "full": ["site-1.example"], "patience": PATIENCE, "limit": 10}
    for statement in (DUE, OVERDUE):
        check(plan(filled, statement.encode(), due), "urls_due")
    check(plan(filled, UNANSWERED.encode(), due), "urls_asked")
    new = {"digest": b"x" * 32, "url": "u", "host": "h", "patience": PATIENCE, "per_host": PER_HOST}
    check(plan(filled, SAVE_URL.encode(), new), "urls_asked")
