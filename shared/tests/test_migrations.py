"""Migrations, on a real Postgres."""

import logging
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import import_module, invalidate_caches
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from delinkcious.config import PostgresAddress
from delinkcious.migrations import migrate
from delinkcious.service import StartError
from delinkcious.testing.databases import NewDatabase
from delinkcious.testing.embedded import EmbeddedPostgres
from delinkcious.testing.running import running
from delinkcious.testing.waiting import free_port

pytestmark = pytest.mark.integration

REVISION = '''
"""{doc}"""

from alembic import op

revision = "{revision}"
down_revision = {after!r}


def upgrade():
    op.execute("""{sql}""")
'''

Revision = Callable[..., None]
FIRST = "CREATE TABLE fruit (name text)"
SECOND = "INSERT INTO fruit VALUES ('apple')"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package for revisions."""
    folder = tmp_path / "revisions_under_test"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    return folder


@pytest.fixture
def package(folder: Path) -> Iterator[ModuleType]:
    invalidate_caches()
    yield import_module(folder.name)
    del sys.modules[folder.name]


@pytest.fixture
def revision(folder: Path) -> Revision:
    """Writes a revision that comes after another."""

    def write(number: str, after: str | None, sql: str) -> None:
        text = REVISION.format(doc=f"Revision {number}", revision=number, after=after, sql=sql)
        (folder / f"r{number}.py").write_text(text)

    return write


@pytest.fixture
def address(postgres_database: PostgresAddress) -> PostgresAddress:
    return postgres_database


def rows(address: PostgresAddress, statement: str) -> list[Any]:
    with psycopg.connect(**address.parameters()) as connection:
        return connection.execute(statement.encode()).fetchall()


def version(address: PostgresAddress) -> list[Any]:
    return rows(address, "SELECT version_num FROM alembic_version")


def test_revisions_are_applied_in_their_order(
    address: PostgresAddress, package: ModuleType, revision: Revision
) -> None:
    revision("0002", "0001", SECOND)
    revision("0001", None, FIRST)
    with capture_logs() as logs:
        migrate(address, package)
    assert rows(address, "SELECT name FROM fruit") == [("apple",)]
    assert version(address) == [("0002",)]
    assert [(log["revision"], log["what"]) for log in logs] == [
        ("0001", "Revision 0001"),
        ("0002", "Revision 0002"),
    ]


def test_again_it_changes_nothing(
    address: PostgresAddress, package: ModuleType, revision: Revision
) -> None:
    revision("0001", None, FIRST + "; " + SECOND)
    for _ in range(2):
        migrate(address, package)
    assert rows(address, "SELECT name FROM fruit") == [("apple",)]


def test_only_what_is_new_is_applied(
    address: PostgresAddress, package: ModuleType, revision: Revision
) -> None:
    revision("0001", None, FIRST)
    migrate(address, package)
    revision("0002", "0001", SECOND)
    migrate(address, package)
    assert rows(address, "SELECT name FROM fruit") == [("apple",)]


@pytest.fixture
def missing(address: PostgresAddress) -> Iterator[PostgresAddress]:
    """A database that does not exist yet."""
    yet_to_be = replace(address, name=f"{address.name}-to be")
    yield yet_to_be
    with psycopg.connect(**address.parameters(), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{yet_to_be.name}"'.encode())


def test_a_database_that_is_missing_is_created(
    missing: PostgresAddress, package: ModuleType, revision: Revision
) -> None:
    revision("0001", None, FIRST)
    migrate(missing, package)
    assert version(missing) == [("0001",)]


def test_two_at_once_do_it_once(
    missing: PostgresAddress, package: ModuleType, revision: Revision
) -> None:
    revision("0001", None, "SELECT pg_sleep(0.1); CREATE TABLE fruit (name text)")
    revision("0002", "0001", SECOND)
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda _: migrate(missing, package), range(3)))
    assert rows(missing, "SELECT name FROM fruit") == [("apple",)]


@pytest.mark.parametrize(
    "broken",
    ["INSERT INTO fruit VALUES ('pear'); CRETE TABLE x ()", "SELECT 1/0", "DROP TABLE fruit; ("],
)
def test_a_revision_that_fails_leaves_what_was_before_it(
    address: PostgresAddress, package: ModuleType, revision: Revision, broken: str
) -> None:
    revision("0001", None, FIRST + "; " + SECOND)
    revision("0002", "0001", broken)
    with pytest.raises(StartError) as error:
        migrate(address, package)
    said = str(error.value)
    assert said.startswith(f"migration of {address.name} failed: ")
    assert "\n" not in said
    assert rows(address, "SELECT name FROM fruit") == [("apple",)]
    assert version(address) == [("0001",)]


def test_after_a_revision_was_mended_it_is_applied(
    address: PostgresAddress, package: ModuleType, revision: Revision
) -> None:
    revision("0001", None, "CRETE TABLE fruit (name text)")
    with pytest.raises(StartError, match="syntax error"):
        migrate(address, package)
    revision("0001", None, FIRST)
    migrate(address, package)
    assert version(address) == [("0001",)]


def test_a_database_from_the_future_is_left_alone(
    address: PostgresAddress, package: ModuleType, revision: Revision, folder: Path
) -> None:
    """As when an older release is deployed again."""
    revision("0001", None, FIRST)
    revision("0002", "0001", SECOND)
    migrate(address, package)
    (folder / "r0002.py").unlink()
    with pytest.raises(StartError, match="0002") as error:
        migrate(address, package)
    assert "\n" not in str(error.value)
    assert version(address) == [("0002",)]


def test_two_revisions_in_one_place_are_a_mistake(
    address: PostgresAddress, package: ModuleType, revision: Revision
) -> None:
    """As after a merge of two branches that both added one."""
    revision("0001", None, FIRST)
    revision("0002", "0001", SECOND)
    revision("0003", "0001", SECOND)
    with pytest.raises(StartError) as error:
        migrate(address, package)
    assert "\n" not in str(error.value)


def test_it_waits_for_a_postgres_that_is_yet_to_come(
    own_postgres: EmbeddedPostgres, tmp_path: Path, package: ModuleType, revision: Revision
) -> None:
    revision("0001", None, FIRST)
    address = replace(own_postgres.address, name="yet_to_come")
    with ThreadPoolExecutor(1) as thread:
        migrating = thread.submit(migrate, address, package)
        with running(own_postgres, tmp_path / "postgres.log"):
            migrating.result(10)
            assert version(address) == [("0001",)]


def test_it_does_not_wait_for_ever(
    address: PostgresAddress, package: ModuleType, revision: Revision
) -> None:
    revision("0001", None, FIRST)
    started = monotonic()
    with pytest.raises(StartError, match="refused") as error:
        migrate(replace(address, port=free_port()), package, wait=0.3)
    assert "\n" not in str(error.value)
    assert 0.3 < monotonic() - started < 3


def test_it_leaves_no_connection_behind(
    address: PostgresAddress, package: ModuleType, revision: Revision, new_database: NewDatabase
) -> None:
    """Or the database could not be copied for tests."""
    revision("0001", None, FIRST)
    migrate(address, package)
    assert rows(new_database(address.name), "SELECT * FROM fruit") == []


def test_it_leaves_the_log_as_it_was(
    address: PostgresAddress, package: ModuleType, revision: Revision
) -> None:
    revision("0001", None, FIRST)
    handlers, level = logging.root.handlers[:], logging.root.level
    migrate(address, package)
    assert (logging.root.handlers, logging.root.level) == (handlers, level)
