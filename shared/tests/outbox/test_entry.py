"""Writing into the outbox."""

from typing import Any

import psycopg
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from delinkcious import outbox, tracing
from delinkcious.messaging.event import MAX_DATA_BYTES
from delinkcious.outbox import Entry
from delinkcious.testing.addresses import PostgresAddress


def added(number: int = 0) -> Entry:
    return Entry("links.added", key="alice", data={"n": number, "quotes": """ " ' \\ {,} é """})


def test_a_subject_that_no_stream_holds_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="no stream"):
        Entry("orders.added", key="alice", data={})


def test_an_event_without_a_key_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="without a key"):
        Entry("links.added", key="", data={})


def test_data_over_the_limit_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="at most"):
        outbox.statement([Entry("links.added", key="k", data={"t": "x" * MAX_DATA_BYTES})])


@pytest.mark.integration
class TestAppend:
    def rows(self, connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
        return connection.execute(
            "SELECT subject, key, data, context, published_at FROM outbox ORDER BY position"
        ).fetchall()

    def test_events_are_stored_in_their_order(self, connection: psycopg.Connection[Any]) -> None:
        entries = [added(number) for number in range(50)]
        outbox.append(connection, entries)
        assert [row[:3] for row in self.rows(connection)] == [
            (entry.subject, entry.key, entry.data) for entry in entries
        ]

    def test_the_context_of_the_request_is_stored(
        self, connection: psycopg.Connection[Any], spans: InMemorySpanExporter
    ) -> None:
        with tracing.span("request", context=tracing.extract({"baggage": "team=blue"})):
            expected = tracing.inject()
            outbox.append(connection, [added()])
        [row] = self.rows(connection)
        assert row[3] == expected
        assert expected.keys() == {"traceparent", "baggage"}

    def test_a_rolled_back_change_leaves_no_event(
        self, connection: psycopg.Connection[Any]
    ) -> None:
        with connection.transaction(force_rollback=True):
            outbox.append(connection, [added()])
        assert self.rows(connection) == []

    def test_nothing_to_append_is_no_statement(self, connection: psycopg.Connection[Any]) -> None:
        connection.close()
        outbox.append(connection, [])

    def test_it_can_be_part_of_a_pipeline(self, connection: psycopg.Connection[Any]) -> None:
        with connection.transaction(), connection.pipeline():
            outbox.append(connection, [added(1)])
            outbox.append(connection, [added(2)])
        assert [row[2]["n"] for row in self.rows(connection)] == [1, 2]

    def test_each_event_gets_an_id_that_sorts_by_time(
        self, connection: psycopg.Connection[Any]
    ) -> None:
        outbox.append(connection, [added(number) for number in range(10)])
        ids = [row[0] for row in connection.execute("SELECT id FROM outbox ORDER BY position")]
        assert sorted(ids) == ids
        assert {identity.version for identity in ids} == {7}

    async def test_an_asyncio_connection_takes_the_statement(
        self, connection: psycopg.Connection[Any], postgres_database: PostgresAddress
    ) -> None:
        conninfo = postgres_database.conninfo
        async with await psycopg.AsyncConnection.connect(conninfo) as other:
            await other.execute(*outbox.statement([added(7)]))
        [row] = self.rows(connection)
        assert row[2] == added(7).data
