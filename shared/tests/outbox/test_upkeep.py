"""What an outbox tells of itself, and what it forgets."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from delinkcious import outbox
from delinkcious.outbox import Entry, Relay
from delinkcious.outbox.upkeep import Upkeep
from delinkcious.testing.measured import measured
from delinkcious.testing.messaging import InMemoryPublisher
from delinkcious.testing.waiting import eventually

pytestmark = pytest.mark.integration

Connection = psycopg.Connection[Any]
Pool = AsyncConnectionPool[Any]
Relaying = Callable[..., AbstractAsyncContextManager[None]]

WEEK = timedelta(days=7)


def append(connection: Connection, count: int) -> None:
    outbox.append(connection, [Entry("links.added", "k", {"n": n}) for n in range(count)])


def gauge(name: str) -> float | None:
    return measured(name)


def numbers(connection: Connection) -> list[int]:
    return [row[0]["n"] for row in connection.execute("SELECT data FROM outbox ORDER BY position")]


async def test_an_empty_outbox_has_no_depth_and_no_age(connection: Connection, pool: Pool) -> None:
    await Upkeep(pool, WEEK).observe()
    assert gauge("delinkcious_outbox_pending") == 0
    assert gauge("delinkcious_outbox_oldest_age_seconds") == 0


async def test_depth_and_age_are_measured(connection: Connection, pool: Pool) -> None:
    append(connection, 3)
    connection.execute(
        "UPDATE outbox SET created_at = now() - interval '1 hour' WHERE data ->> 'n' = '0'"
    )
    await Upkeep(pool, WEEK).observe()
    assert gauge("delinkcious_outbox_pending") == 3
    assert gauge("delinkcious_outbox_oldest_age_seconds") == pytest.approx(3600, abs=30)
    connection.execute("UPDATE outbox SET published_at = now()")
    await Upkeep(pool, WEEK).observe()
    assert gauge("delinkcious_outbox_pending") == 0
    assert gauge("delinkcious_outbox_oldest_age_seconds") == 0


async def test_it_is_not_measured_more_often_than_it_takes(
    connection: Connection, pool: Pool
) -> None:
    upkeep = Upkeep(pool, WEEK)
    await upkeep.observe()
    append(connection, 3)
    await upkeep.observe()
    assert gauge("delinkcious_outbox_pending") == 0


async def test_depth_is_measured_while_the_broker_is_gone(
    connection: Connection, pool: Pool, relaying: Relaying, counted: Callable[[str], float]
) -> None:
    publisher = InMemoryPublisher()
    publisher.down = True
    append(connection, 4)
    async with relaying(Relay(pool, publisher, "/test")):
        await eventually(lambda: counted("delinkcious_outbox_publish_failures_total") >= 1)
    assert gauge("delinkcious_outbox_pending") == 4
    assert counted("delinkcious_outbox_published_total") == 0


async def test_what_was_published_long_ago_is_deleted_and_nothing_else(
    connection: Connection, pool: Pool, counted: Callable[[str], float]
) -> None:
    append(connection, 4)
    for number, published_at in [(1, "8 days"), (2, "6 days"), (3, "8 days")]:
        connection.execute(
            "UPDATE outbox SET published_at = now() - %s::interval WHERE data ->> 'n' = %s",
            [published_at, str(number)],
        )
    await Upkeep(pool, WEEK).clean()
    assert numbers(connection) == [0, 2]
    assert counted("delinkcious_outbox_deleted_total") == 2


async def test_much_is_deleted_bit_by_bit(
    connection: Connection, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("delinkcious.outbox.upkeep._CLEAN_LIMIT", 10)
    append(connection, 25)
    connection.execute("UPDATE outbox SET published_at = now() - interval '8 days'")
    upkeep = Upkeep(pool, WEEK)
    left = []
    for _ in range(3):
        await upkeep.clean()
        left.append(len(numbers(connection)))
    assert left == [15, 5, 0]


async def test_the_relay_publishes_and_counts_and_cleans(
    connection: Connection, pool: Pool, relaying: Relaying, counted: Callable[[str], float]
) -> None:
    append(connection, 3)
    publisher = InMemoryPublisher()
    async with relaying(Relay(pool, publisher, "/test", retention=timedelta(0))):
        await eventually(lambda: len(publisher.events) == 3)
        await eventually(lambda: not numbers(connection))
    assert counted("delinkcious_outbox_published_total") == 3
