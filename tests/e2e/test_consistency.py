"""The consistency checker finds nothing on a platform that has been used, and what is broken."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from delinkcious.testing.waiting import wait_until
from tests.bench.database import database_of
from tests.support.api import Api
from tests.support.stack import Stack
from tools.consistency.__main__ import differences, main

User = Callable[[str], Api]
Page = Callable[..., str]

CHANGE_HISTORY = """
    UPDATE outbox SET data = jsonb_set(data, ARRAY['link', 'visibility'], to_jsonb('{}'::text))
    WHERE key = %s AND subject = 'links.added'
"""


@pytest.fixture
def used(stack: Stack, user: User, page: Page) -> str:
    """A platform with some links and follows; returns the username of who saved the links."""
    alice, bob = user("alice"), user("bob")
    bob.follow(alice.username)
    for number in range(3):
        alice.add(page(), title=f"Title {number}", tags=["tag"])
    alice.delete(alice.links()[0]["url"])
    alice.update(alice.links()[0]["url"], visibility="private")
    wait_until(lambda: differences(stack.folder) == [], timeout=30)
    return alice.username


@contextmanager
def broken(stack: Stack, breaks: str, mends: str, username: str) -> Iterator[None]:
    with psycopg.connect(database_of(stack, "link_manager"), autocommit=True) as connection:
        connection.execute(breaks.encode(), [username])
        yield
        connection.execute(mends.encode(), [username])


@pytest.mark.parametrize(
    ("breaks", "mends", "found"),
    [
        (
            "UPDATE tag_counts SET links = links + 1 WHERE username = %s",
            "UPDATE tag_counts SET links = links - 1 WHERE username = %s",
            "a tag that is counted wrongly",
        ),
        (
            "UPDATE collections SET link_count = link_count + 1 WHERE username = %s",
            "UPDATE collections SET link_count = link_count - 1 WHERE username = %s",
            "a collection that counts its links wrongly",
        ),
        (
            "INSERT INTO collections (username, link_count) VALUES ('gone-' || %s, 0)",
            "DELETE FROM collections WHERE username = 'gone-' || %s",
            "who has no account",
        ),
        (
            CHANGE_HISTORY.format("private"),
            CHANGE_HISTORY.format("public"),
            "told 0",
        ),
    ],
)
def test_what_differs_is_named(
    stack: Stack,
    used: str,
    breaks: str,
    mends: str,
    found: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with broken(stack, breaks, mends, used):
        assert main(["--folder", str(stack.folder)]) == 1
    assert found in capsys.readouterr().out
    assert main(["--folder", str(stack.folder)]) == 0


def test_without_a_stack_it_says_so(tmp_path: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--folder", str(tmp_path)]) == 2
    assert "make run" in capsys.readouterr().err
