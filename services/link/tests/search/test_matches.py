"""Which links a query finds: in memory, and in Postgres."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delinkcious.object_model.links import Link, LinkStatus, Visibility
from delinkcious.testing.databases import NewDatabase
from link_service.search import Condition, condition, matches, parse, search_vector
from link_service.search.nodes import Node
from link_service.search.vector import MAX_POSITION

from .strategies import links, queries

LINK = Link(
    id=1,
    url="https://www.example.com/blog/2024/M%C3%BCnchen?id=42",
    title="Größe zählt: 10 tips for München",
    description="Notes on snake_case and the C++ of 東京タワー",
    tags=("new york", "python"),
    visibility=Visibility.PUBLIC,
    status=LinkStatus.VALID,
    last_check=None,
    created_at=datetime(2024, 5, 31, 12, tzinfo=UTC),
    updated_at=datetime(2024, 5, 31, 12, tzinfo=UTC),
)
BARE = replace(
    LINK, title="", description="", tags=(), visibility=Visibility.PRIVATE, url="http://10.0.0.1/"
)

FINDS = [
    "grosse",
    "GRÖSSE Munchen",
    "mün*",
    '"größe zahlt 10"',
    "snake case",
    "snake-case",
    '"snake ca"*',
    "c++",
    "タワー",
    '"東京"',
    "10 york",
    '"new york"',
    "tag:python",
    '#"New York"',
    "blog",
    "https://example.com/blog/2024",
    "http://www.example.com/",
    "url:https",
    "url:/blog/2024/münchen",
    "url:M%C3%BCnchen",
    "title:tips",
    'title:"tips for"',
    "site:example.com",
    "site:www.example.com",
    "site:com",
    "is:valid",
    "is:public",
    "-is:private",
    "-untagged",
    "after:2024-05-31",
    "after:2024-05-31T12:00:00Z",
    "before:2024-06",
    "after:2024-05-31T14:00:00+02:00",
    "nothing OR tips",
    "tips -nothing",
    "-(tips nothing)",
    "(nothing OR tips) (python OR nothing)",
]

DOES_NOT_FIND = [
    "gross",
    "ip*",
    '"zählt größe"',
    "tips nothing",
    "京東",
    '"tips münchen"',
    '"york python"',
    '"münchen https"',
    "#york",
    "tag:pyth",
    "title:blog",
    "url:tips",
    'title:"münchen notes"',
    "site:ample.com",
    "site:example",
    "site:a.www.example.com",
    "is:pending",
    "is:invalid",
    "is:private",
    "untagged",
    "before:2024-05-31T12:00:00Z",
    "after:2025",
    "-tips",
    "-(nothing OR tips)",
]


@pytest.mark.parametrize("q", FINDS)
def test_a_query_finds(q: str) -> None:
    assert matches(parse(q), LINK)


@pytest.mark.parametrize("q", DOES_NOT_FIND)
def test_a_query_does_not_find(q: str) -> None:
    assert not matches(parse(q), LINK)


@pytest.mark.parametrize("q", ["untagged", "is:private", "site:10.0.0.1", "10.0.0.1", "-site:1"])
def test_a_bare_link_is_found(q: str) -> None:
    assert matches(parse(q), BARE)


class Find(Protocol):
    """Asks Postgres which of a user's links each of some queries finds."""

    def __call__(
        self, nodes: list[Node], saved: list[Link], *, username: str = "alice"
    ) -> list[list[bool]]: ...


@pytest.fixture(params=["scan", "index"])
def find(request: pytest.FixtureRequest, new_database: NewDatabase) -> Iterator[Find]:
    """Finds by reading all links, and by the index; the links are always those of alice."""
    other = "seq" if request.param == "index" else "bitmap"
    with psycopg.connect(new_database().conninfo, autocommit=True) as connection:
        connection.execute(f"SET enable_{other}scan = off".encode())
        connection.execute(
            "CREATE TABLE links (number int, search tsvector, status text, created_at timestamptz)"
        )
        connection.execute("CREATE INDEX ON links USING gin (search)")

        def ask(
            nodes: list[Node], saved: list[Link], *, username: str = "alice"
        ) -> list[list[bool]]:
            save(connection, saved)
            conditions = [condition(node, username) for node in nodes]
            found = [numbers(connection, asked) for asked in conditions]
            return [[n in one for n in range(len(saved))] for one in found]

        yield ask


def save(connection: psycopg.Connection, saved: list[Link]) -> None:
    connection.execute("TRUNCATE links")
    connection.cursor().executemany(
        "INSERT INTO links VALUES (%s, %s, %s, %s)",
        [(n, vector(link), link.status, link.created_at) for n, link in enumerate(saved)],
    )


def numbers(connection: psycopg.Connection, found: Condition) -> set[int]:
    statement = f"SELECT number FROM links l WHERE {found.sql}".encode()
    return {number for (number,) in connection.execute(statement, found.parameters)}


def vector(link: Link) -> str:
    return search_vector(
        "alice",
        url=link.url,
        title=link.title,
        description=link.description,
        tags=link.tags,
        visibility=link.visibility,
    )


@pytest.mark.integration
def test_postgres_agrees(find: Find) -> None:
    @settings(max_examples=3 * settings().max_examples)
    @given(st.lists(queries, min_size=1, max_size=5), st.lists(links, min_size=1, max_size=5))
    def agrees(nodes: list[Node], saved: list[Link]) -> None:
        expected = [[matches(node, link) for link in saved] for node in nodes]
        assert find(nodes, saved) == expected

    agrees()


@pytest.mark.integration
def test_postgres_agrees_on_the_examples(find: Find) -> None:
    found = find([parse(q) for q in FINDS + DOES_NOT_FIND], [LINK])
    assert found == [[True]] * len(FINDS) + [[False]] * len(DOES_NOT_FIND)


@pytest.mark.integration
@pytest.mark.parametrize(
    "description",
    [
        "ﷺ" * 10_000,
        "a ﷺ" * 2_500,
        "東" * 10_000,
        " ".join(str(number) for number in range(2_000)),
        "x" * 10_000,
        "x " * 5_000,
    ],
    ids=["expanding", "expanding words", "one character", "numbers", "one word", "again"],
)
def test_the_largest_links_fit_into_a_vector(find: Find, description: str) -> None:
    link = replace(LINK, title="ﷺ" * 500, description=description, url="https://a/" + "ﷺ" * 2000)
    assert find([parse("#python"), parse("https")], [link]) == [[True], [True]]


@pytest.mark.integration
def test_every_place_in_a_vector_is_found(find: Find) -> None:
    """Of the longest text, the first and the last words that fit, and no phrase beyond."""
    many = [f"{number:x}" for number in range(MAX_POSITION)]
    link = replace(LINK, url="http://a/", title="", tags=(), description=" ".join(many))
    last = MAX_POSITION - 5
    nodes = [parse(f'"{many[n]} {many[n + 1]}"') for n in (0, last - 1, last)]
    assert find(nodes, [link]) == [[True], [True], [False]]


@pytest.mark.integration
def test_the_links_of_another_user_are_not_found(find: Find) -> None:
    assert find([parse("grosse")], [LINK]) == [[True]]
    assert find([parse("grosse")], [LINK], username="bob") == [[False]]
