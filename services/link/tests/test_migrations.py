"""What becomes of the data that is there when the schema changes."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import psycopg
import pytest

from delinkcious.migrations import migrate
from delinkcious.testing.addresses import PostgresAddress
from delinkcious.testing.databases import NewDatabase
from link_service import migrations
from link_service.domain import normalize_url, url_digest

pytestmark = pytest.mark.integration


@pytest.fixture
def old(new_database: NewDatabase, tmp_path: Path) -> PostgresAddress:
    """A database from before there was health."""
    address = new_database()
    migrate(address, until("0003", tmp_path))
    return address


def until(revision: str, folder: Path) -> ModuleType:
    """The revisions up to one."""
    for source in Path(migrations.__file__).parent.glob("r*.py"):
        if source.name[1:5] <= revision:
            shutil.copy(source, folder)
    package = ModuleType("old_migrations")
    package.__file__ = str(folder / "__init__.py")
    return package


def test_every_url_gets_its_host_its_history_and_a_next_check(old: PostgresAddress) -> None:
    urls = {
        "https://Pending.example:443/": ("pending", None),
        "http://valid.example:8080/": ("valid", "ok"),
        "https://bücher.example/": ("invalid", "timeout"),
    }
    checked_at = datetime(2026, 1, 1, tzinfo=UTC)
    with psycopg.connect(**old.parameters()) as connection:
        for url, (status, outcome) in urls.items():
            connection.execute(
                "INSERT INTO urls (digest, url, status, outcome, checked_at) VALUES"
                " (%s, %s, %s, %s, %s)",
                [url_digest(normalize_url(url)), url, status, outcome, outcome and checked_at],
            )
    migrate(old, migrations)
    with psycopg.connect(**old.parameters()) as connection:
        rows = connection.execute(
            "SELECT host, attempts, failures, health_since, check_due_at - now() FROM urls"
            " ORDER BY id"
        ).fetchall()
    assert [row[:4] for row in rows] == [
        ("pending.example", 0, 0, None),
        ("valid.example:8080", 1, 0, checked_at),
        ("xn--bcher-kva.example", 1, 1, checked_at),
    ]
    pending, *others = [row[4] for row in rows]
    assert pending <= timedelta()
    assert all(due <= timedelta(days=1) for due in others)


def test_tags_that_look_the_same_become_one(new_database: NewDatabase, tmp_path: Path) -> None:
    address = new_database()
    migrate(address, until("0006", tmp_path))
    with psycopg.connect(**address.parameters()) as connection:
        connection.execute("INSERT INTO collections VALUES ('alice', 2, 5)")
        for number, tags in enumerate((["a", "a\u200b", "\u202e"], ["b"])):
            connection.execute(
                "INSERT INTO urls (digest, url, host, check_due_at) VALUES (%s, 'u', 'h', now())",
                [bytes([number] * 32)],
            )
            connection.execute(
                "INSERT INTO links (username, url_id, url, title, description, tags, visibility,"
                " status, version, title_key, search)"
                " SELECT 'alice', max(id), 'http://a.example/', '', '', %s, 'public',"
                " 'pending', 1, '', '' FROM urls",
                [tags],
            )
        connection.execute(
            "INSERT INTO link_tags SELECT username, unnest(tags), created_at, id FROM links"
        )
        connection.execute(
            "INSERT INTO tag_counts SELECT username, tag, count(*) FROM link_tags GROUP BY 1, 2"
        )
    migrate(address, migrations)
    with psycopg.connect(**address.parameters()) as connection:
        links = connection.execute("SELECT tags, version FROM links ORDER BY id").fetchall()
        tagged = connection.execute("SELECT tag FROM link_tags ORDER BY tag").fetchall()
        counted = connection.execute("SELECT tag, links FROM tag_counts ORDER BY tag").fetchall()
    assert links == [(["a"], 6), (["b"], 1)]
    assert tagged == [("a",), ("b",)]
    assert counted == [("a", 1), ("b", 1)]
