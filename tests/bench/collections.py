"""Large collections, made up and put straight into the database: by the API it would take hours.

The words follow Zipf's law, as those of real texts do; some thousand tags likewise. Every run makes
the same ones.
"""

import itertools
import random
import string
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from delinkcious.object_model.links import Visibility
from link_service.domain import host_of, title_key, url_digest
from link_service.search import search_vector

BIG: Final = "bench-big"
SMALL: Final = "bench-small"
BIG_LINKS: Final = 100_000
SMALL_LINKS: Final = 1_000
OTHERS: Final = 1_000
OTHERS_LINKS: Final = 900

VOCABULARY: Final = 20_000
TAGS: Final = 1_000
TITLE_WORDS: Final = 6
DESCRIPTION_WORDS: Final = 9
TAGS_OF_A_LINK: Final = 3
_FIRST_SAVED: Final = datetime(2008, 1, 1, tzinfo=UTC)
_STATUSES: Final = ("valid", "invalid", "pending")
_STATUS_WEIGHTS: Final = (97, 2, 1)

_URL_COLUMNS: Final = ("id", "digest", "url", "status", "host", "check_due_at")
_LINK_COLUMNS: Final = (
    "username", "url_id", "url", "title", "description", "tags", "visibility", "status",
    "created_at", "updated_at", "version", "title_key", "search",
)  # fmt: skip


class Texts:
    """Words and tags, the same in every run."""

    def __init__(self) -> None:
        self.random = random.Random(1)
        self.words = [self._word() for _ in range(VOCABULARY)]
        self._weights = _zipf(VOCABULARY)
        self.tags = sorted({f"tag-{word}" for word in self.words[:TAGS]})
        self._tag_weights = _zipf(len(self.tags))

    def some(self, number: int) -> str:
        """Some words of a text."""
        return " ".join(self.random.choices(self.words, cum_weights=self._weights, k=number))

    def some_tags(self) -> tuple[str, ...]:
        """The tags of a link, sorted."""
        chosen = self.random.choices(self.tags, cum_weights=self._tag_weights, k=TAGS_OF_A_LINK)
        return tuple(sorted(set(chosen)))

    def status(self) -> str:
        """What the check of a link came to."""
        return self.random.choices(_STATUSES, _STATUS_WEIGHTS)[0]

    def _word(self) -> str:
        return "".join(self.random.choices(string.ascii_lowercase, k=self.random.randint(3, 9)))


def _zipf(number: int) -> list[float]:
    return list(itertools.accumulate(1 / (rank + 10) for rank in range(number)))


def fill(connection: psycopg.Connection[Any], texts: Texts) -> None:
    """Puts the collections of everybody into the database of the link service."""
    owners = [(BIG, BIG_LINKS), (SMALL, SMALL_LINKS)]
    owners += [(f"bench-other-{number}", OTHERS_LINKS) for number in range(OTHERS)]
    total = sum(number for _, number in owners)
    with connection.transaction(), _without_indexes(connection):
        first = _reserve_ids(connection, total)
        _copy_urls(connection, first, total, texts)
        tags = _copy_links(connection, first, owners, texts)
        connection.cursor().executemany(
            "INSERT INTO collections (username, link_count) VALUES (%s, %s)", owners
        )
        _copy(connection, "tag_counts", ("username", "tag", "links"), tags)
        connection.execute(
            "INSERT INTO link_tags SELECT username, unnest(tags), created_at, id FROM links"
            " WHERE username LIKE 'bench-%'"
        )
    connection.execute("VACUUM ANALYZE")


@contextmanager
def _without_indexes(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Builds the indexes of links when all are there, which takes a fraction of the time."""
    indexes = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'links'"
        " AND indexname NOT IN (SELECT conname FROM pg_constraint)"
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}".encode())
    yield
    connection.execute("SET LOCAL maintenance_work_mem = '256MB'")
    for _, definition in indexes:
        connection.execute(definition.encode())


def _reserve_ids(connection: psycopg.Connection[Any], number: int) -> int:
    ids = connection.execute(
        "SELECT min(id) FROM (SELECT nextval('urls_id_seq') AS id FROM generate_series(1, %s))",
        [number],
    ).fetchone()
    assert ids
    return int(ids[0])


def _copy_urls(connection: psycopg.Connection[Any], first: int, number: int, texts: Texts) -> None:
    due = datetime.now(UTC) + timedelta(days=365)  # nobody is to check them
    rows = (
        (n, url_digest(url := url_of(n)), url, texts.status(), host_of(url), due)
        for n in range(first, first + number)
    )
    _copy(connection, "urls", _URL_COLUMNS, rows)


def url_of(number: int) -> str:
    """The URL with this id."""
    return f"http://site-{number % 5000}.example/pages/{number}"


def _copy_links(
    connection: psycopg.Connection[Any],
    first: int,
    owners: Sequence[tuple[str, int]],
    texts: Texts,
) -> list[tuple[str, str, int]]:
    """Returns how many links of each owner have each tag."""
    counts: Counter[tuple[str, str]] = Counter()
    statuses = dict(connection.execute("SELECT id, status FROM urls").fetchall())

    def rows() -> Iterator[tuple[Any, ...]]:
        url_id = itertools.count(first)
        for username, number in owners:
            for age in range(number):
                n = next(url_id)
                row = _link(username, n, age, statuses[n], texts)
                counts.update((username, tag) for tag in row[5])
                yield row

    _copy(connection, "links", _LINK_COLUMNS, rows())
    return [(username, tag, number) for (username, tag), number in counts.items()]


def _link(username: str, url_id: int, age: int, status: str, texts: Texts) -> tuple[Any, ...]:
    url, title, description = url_of(url_id), texts.some(TITLE_WORDS), texts.some(DESCRIPTION_WORDS)
    tags, visibility, at = texts.some_tags(), Visibility.PUBLIC, _FIRST_SAVED + timedelta(hours=age)
    vector = search_vector(
        username, url=url, title=title, description=description, tags=tags, visibility=visibility
    )
    return (
        username, url_id, url, title, description, list(tags), visibility.value, status, at, at, 1,
        title_key(title), vector,
    )  # fmt: skip


def _copy(
    connection: psycopg.Connection[Any],
    table: str,
    columns: Sequence[str],
    rows: Iterator[tuple[Any, ...]] | list[tuple[Any, ...]],
) -> None:
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    with connection.cursor().copy(statement.encode()) as copy:
        for row in rows:
            copy.write_row(row)
