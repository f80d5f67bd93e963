"""What must hold in each database by itself: queries whose every row is something wrong."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

SHOWN: Final = 5
"""How many rows of a rule are shown; all are counted."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What must not be found.

    Attributes:
        finds: what a row of the query is.
    """

    database: str
    finds: str
    query: str


_OUTBOX: Final = """
    SELECT position, subject, key, created_at FROM outbox WHERE published_at IS NULL
"""

RULES: Final = (
    Rule("link_manager", "an event that was not published", _OUTBOX),
    Rule("social_graph_manager", "an event that was not published", _OUTBOX),
    Rule("user_manager", "an event that was not published", _OUTBOX),
    Rule(
        "link_manager",
        "a URL that nobody has",
        "SELECT id, url FROM urls u WHERE NOT EXISTS (SELECT FROM links l WHERE l.url_id = u.id)",
    ),
    Rule(
        "link_manager",
        "a link whose status is not that of its URL",
        "SELECT l.username, l.url, l.status, u.status FROM links l JOIN urls u ON u.id = l.url_id"
        " WHERE l.status <> u.status",
    ),
    Rule(
        "link_manager",
        "a URL that is neither checked nor due",
        "SELECT id, url FROM urls WHERE checked_at IS NULL AND check_due_at IS NULL",
    ),
    Rule(
        "link_manager",
        "a collection that counts its links wrongly",
        "SELECT c.username, c.link_count, count(l.id) FROM collections c"
        " LEFT JOIN links l USING (username) GROUP BY c.username, c.link_count"
        " HAVING c.link_count <> count(l.id)",
    ),
    Rule(
        "link_manager",
        "a link of nobody's collection",
        "SELECT username, url FROM links l"
        " WHERE NOT EXISTS (SELECT FROM collections c WHERE c.username = l.username)",
    ),
    Rule(
        "link_manager",
        "a link that is ahead of its collection",
        "SELECT l.username, l.url, l.version, c.version FROM links l JOIN collections c"
        " USING (username) WHERE l.version > c.version",
    ),
    Rule(
        "link_manager",
        "a tag that only one of a link and the list of tags has",
        "SELECT * FROM (SELECT id, unnest(tags) AS tag FROM links) l"
        " FULL JOIN (SELECT link_id AS id, tag FROM link_tags) t USING (id, tag)"
        " WHERE l IS NULL OR t IS NULL",
    ),
    Rule(
        "link_manager",
        "a tag that is counted wrongly",
        "SELECT * FROM (SELECT username, tag, links AS counted FROM tag_counts) c FULL JOIN"
        " (SELECT username, tag, count(*) AS there FROM link_tags GROUP BY 1, 2) t"
        ' ON c.username = t.username AND c.tag = t.tag COLLATE "C"'
        " WHERE c.counted IS DISTINCT FROM t.there",
    ),
    Rule(
        "link_manager",
        "a link that is there and deleted",
        "SELECT t.username, t.url FROM tombstones t JOIN links l ON l.id = t.link_id",
    ),
    Rule(
        "link_manager",
        "a piece of a file that nobody imports any more",
        "SELECT import_id, position FROM import_chunks JOIN imports i ON i.id = import_id"
        " WHERE i.finished_at IS NOT NULL",
    ),
)


# Where there is somebody's name; who has no account was deleted, or never was.
OWNED: Final = (
    ("link_manager", "links", "username"),
    ("link_manager", "link_tags", "username"),
    ("link_manager", "tag_counts", "username"),
    ("link_manager", "collections", "username"),
    ("link_manager", "tombstones", "username"),
    ("link_manager", "imports", "username"),
    ("user_manager", "audit", "username"),
    ("social_graph_manager", "follows", "follower"),
    ("social_graph_manager", "follows", "followed"),
)


def check(databases: Mapping[str, str]) -> Iterator[str]:
    """Returns what is wrong, a line each.

    Args:
        databases: how to connect to each, by its name.
    """
    for rule in RULES:
        with psycopg.connect(databases[rule.database]) as connection:
            rows: list[Any] = connection.execute(rule.query.encode()).fetchall()
        for row in rows[:SHOWN]:
            yield f"{rule.database}: {rule.finds}: {', '.join(map(str, row))}"
        if len(rows) > SHOWN:
            yield f"{rule.database}: {rule.finds}: and {len(rows) - SHOWN} more"
    yield from _strangers(databases)


def _strangers(databases: Mapping[str, str]) -> Iterator[str]:
    with psycopg.connect(databases["user_manager"]) as connection:
        known = {row[0] for row in connection.execute("SELECT username FROM accounts")}
    for database, table, column in OWNED:
        names = sql.SQL("SELECT DISTINCT {} FROM {}").format(
            sql.Identifier(column), sql.Identifier(table)
        )
        with psycopg.connect(databases[database]) as connection:
            for (name,) in connection.execute(names):
                if name is not None and name not in known:
                    yield f"{database}: {table} has rows of {name}, who has no account"
