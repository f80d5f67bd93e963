"""The relay: everything that was committed is published, once, in order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import pairwise
from typing import Any
from uuid import UUID

import psycopg
import pytest
from nats.js.api import RawStreamMsg
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from psycopg_pool import AsyncConnectionPool
from structlog.testing import capture_logs

from delinkcious import outbox, tracing
from delinkcious.messaging import (
    Broker,
    Consumer,
    Event,
    EventPublisher,
    NotAcknowledged,
    Publisher,
)
from delinkcious.messaging.streams import LINKS
from delinkcious.outbox import Entry, Relay
from delinkcious.testing.embedded import LOOPBACK
from delinkcious.testing.messaging import InMemoryOutbox, InMemoryPublisher
from delinkcious.testing.running import RunningServer
from delinkcious.testing.waiting import eventually

pytestmark = pytest.mark.integration

Connection = psycopg.Connection[Any]
Pool = AsyncConnectionPool[Any]
Relaying = Callable[..., AbstractAsyncContextManager[None]]
Stored = Callable[[], Awaitable[list[RawStreamMsg]]]

SOURCE = "/link-manager"


def entries(count: int, first: int = 0) -> list[Entry]:
    return [Entry("links.added", f"k{n % 5}", {"n": n}) for n in range(first, first + count)]


def relay(pool: Pool, publisher: EventPublisher, **options: Any) -> Relay:
    return Relay(pool, publisher, SOURCE, **{"interval": 0.01, **options})


def unpublished(connection: Connection) -> int:
    query = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
    return int((connection.execute(query).fetchone() or [0])[0])


def identities(connection: Connection) -> list[str]:
    return [str(row[0]) for row in connection.execute("SELECT id FROM outbox ORDER BY position")]


def ids_of(messages: Sequence[RawStreamMsg]) -> list[str]:
    return [str((message.headers or {})["ce-id"]) for message in messages]


class TestContract:
    """What an outbox promises, the real one and the double."""

    @pytest.fixture(params=["in memory", "postgres"])
    def append_and_relay(
        self, request: pytest.FixtureRequest, connection: Connection, pool: Pool
    ) -> Callable[[Sequence[Entry], EventPublisher], Awaitable[int]]:
        double = InMemoryOutbox(SOURCE)

        async def in_memory(new: Sequence[Entry], publisher: EventPublisher) -> int:
            double.append(new)
            return await double.relay(publisher)

        async def real(new: Sequence[Entry], publisher: EventPublisher) -> int:
            outbox.append(connection, new)
            return await relay(pool, publisher).relay_batch()

        return real if request.param == "postgres" else in_memory

    async def test_events_are_published_in_order_as_they_were_appended(
        self, append_and_relay: Callable[..., Awaitable[int]]
    ) -> None:
        publisher = InMemoryPublisher()
        assert await append_and_relay(entries(20), publisher) == 20
        assert await append_and_relay(entries(5, first=20), publisher) == 5
        assert [event.data["n"] for event in publisher.events] == list(range(25))
        event = publisher.events[7]
        assert (event.type, event.source, event.key) == ("links.added", SOURCE, "k2")
        assert UUID(event.id)
        assert event.time.tzinfo is not None

    async def test_what_could_not_be_published_is_published_later(
        self, append_and_relay: Callable[..., Awaitable[int]]
    ) -> None:
        publisher = InMemoryPublisher()
        publisher.down = True
        with pytest.raises(NotAcknowledged):
            await append_and_relay(entries(3), publisher)
        publisher.down = False
        assert await append_and_relay(entries(1, first=3), publisher) == 4
        assert [event.data["n"] for event in publisher.events] == [0, 1, 2, 3]

    async def test_the_context_of_the_change_goes_along(
        self, append_and_relay: Callable[..., Awaitable[int]], spans: InMemorySpanExporter
    ) -> None:
        publisher = InMemoryPublisher()
        with tracing.span("request"):
            expected = tracing.inject()
            await append_and_relay(entries(1), publisher)
        assert publisher.events[0].context == expected


class TestRelay:
    @pytest.fixture
    def publisher(self, broker: Broker) -> Publisher:
        return Publisher(broker)

    async def test_two_relays_side_by_side_publish_each_event_once(
        self,
        connection: Connection,
        pool: Pool,
        publisher: Publisher,
        relaying: Relaying,
        stored: Stored,
    ) -> None:
        attempts = _Recording(publisher)
        relays = [relay(pool, attempts, batch=20) for _ in range(2)]
        async with relaying(*relays):
            for start in range(0, 500, 10):
                await asyncio.to_thread(outbox.append, connection, entries(10, first=start))
            await eventually(lambda: unpublished(connection) == 0)
        assert ids_of(await stored()) == identities(connection)
        assert len(attempts.ids) == 500  # none of them was even sent twice

    async def test_a_relay_that_dies_before_it_marks_leaves_no_duplicate(
        self,
        connection: Connection,
        pool: Pool,
        publisher: Publisher,
        relaying: Relaying,
        stored: Stored,
    ) -> None:
        outbox.append(connection, entries(50))
        dying = _Dying(publisher)
        with pytest.raises(_Died):
            await relay(pool, dying, batch=20).relay_batch()
        assert len(await stored()) == 20
        assert unpublished(connection) == 50
        async with relaying(relay(pool, publisher, batch=20)):
            await eventually(lambda: unpublished(connection) == 0)
        assert ids_of(await stored()) == identities(connection)

    async def test_what_the_broker_took_is_marked_even_if_it_refused_the_rest(
        self, connection: Connection, pool: Pool
    ) -> None:
        publisher = _Refusing({3, 7})
        outbox.append(connection, entries(10))
        with pytest.raises(NotAcknowledged):
            await relay(pool, publisher).relay_batch()
        assert unpublished(connection) == 2
        publisher.numbers.clear()
        assert await relay(pool, publisher).relay_batch() == 2
        assert unpublished(connection) == 0

    async def test_a_change_under_way_does_not_hold_up_others(
        self, connection: Connection, pool: Pool, publisher: Publisher, stored: Stored
    ) -> None:
        slow_entry, quick_entry = entries(2)
        with psycopg.connect(connection.info.dsn, password=connection.info.password) as slow:
            outbox.append(slow, [slow_entry])
            outbox.append(connection, [quick_entry])
            assert await relay(pool, publisher).relay_batch() == 1
        assert await relay(pool, publisher).relay_batch() == 1
        assert [message.data for message in await stored()] == [b'{"n":1}', b'{"n":0}']

    async def test_one_trace_runs_from_the_request_to_the_handler(
        self,
        connection: Connection,
        pool: Pool,
        broker: Broker,
        publisher: Publisher,
        relaying: Relaying,
        spans: InMemorySpanExporter,
    ) -> None:
        handled = list[Event]()

        async def handle(event: Event) -> None:
            handled.append(event)

        consumer = Consumer(
            broker, stream=LINKS, name="test", subjects=["links.added"], handle=handle
        )
        with tracing.span("request", kind=SpanKind.SERVER):
            outbox.append(connection, entries(1))
        async with relaying(relay(pool, publisher), consumer):
            await eventually(lambda: handled)
        chain = {span.name: span for span in spans.get_finished_spans()}
        names = ["request", "send links.added", "process links.added"]
        assert len({chain[name].context.trace_id for name in names}) == 1
        for parent, child in pairwise(names):
            assert getattr(chain[child].parent, "span_id", None) == chain[parent].context.span_id
        assert [chain[name].kind for name in names] == [
            SpanKind.SERVER,
            SpanKind.PRODUCER,
            SpanKind.CONSUMER,
        ]


class TestTroubles:
    @pytest.fixture
    async def shaky(self, nats_process: RunningServer) -> AsyncIterator[Broker]:
        """A broker that the test may stop and start."""
        async with Broker(LOOPBACK, nats_process.server.port, "test") as broker:
            yield broker

    async def test_a_broker_that_goes_and_comes_back_gets_everything_in_order(
        self,
        connection: Connection,
        pool: Pool,
        nats_process: RunningServer,
        shaky: Broker,
        relaying: Relaying,
    ) -> None:
        with capture_logs() as logs:
            async with relaying(relay(pool, Publisher(shaky), batch=10)):
                for start in (0, 100, 200):
                    await asyncio.to_thread(outbox.append, connection, entries(100, first=start))
                    nats_process.kill()
                    await eventually(lambda: not shaky.connected)
                    await asyncio.to_thread(outbox.append, connection, entries(5, first=start))
                    nats_process.start()
                    await eventually(lambda: unpublished(connection) == 0)
        jetstream = shaky.connection().jetstream
        messages = [await jetstream.get_msg(LINKS.name, seq) for seq in range(1, 316)]
        assert ids_of(messages) == identities(connection)
        blocked = [log for log in logs if log["event"] == "relay_blocked"]
        assert len(blocked) <= 3

    async def test_a_database_that_goes_and_comes_back_is_relayed_again(
        self, connection: Connection, pool: Pool, relaying: Relaying
    ) -> None:
        publisher = InMemoryPublisher()
        with capture_logs() as logs:
            async with relaying(relay(pool, publisher)):
                outbox.append(connection, entries(1))
                await eventually(lambda: len(publisher.events) == 1)
                await asyncio.to_thread(connection.execute, "ALTER TABLE outbox RENAME TO hidden")
                await eventually(lambda: logs)
                await asyncio.to_thread(connection.execute, "ALTER TABLE hidden RENAME TO outbox")
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                outbox.append(connection, entries(1, first=1))
                await eventually(lambda: len(publisher.events) == 2)
        told = [log["event"] for log in logs if log["event"].startswith("relay_")]
        assert told[0] == "relay_blocked"
        assert told[-1] == "relay_resumed"

    async def test_a_relay_stops_at_once_while_the_broker_is_gone(
        self, connection: Connection, pool: Pool
    ) -> None:
        publisher = InMemoryPublisher()
        publisher.down = True
        outbox.append(connection, entries(1))
        stop = asyncio.Event()
        running = asyncio.create_task(relay(pool, publisher).run(stop))
        await asyncio.wait({running}, timeout=0.1)
        stop.set()
        await asyncio.wait_for(running, 2)

    async def test_the_relay_of_another_process_is_left_alone_at_its_work(
        self, connection: Connection, pool: Pool
    ) -> None:
        outbox.append(connection, entries(1))
        blocking = _Blocking()
        active = asyncio.create_task(relay(pool, blocking).relay_batch())
        await blocking.begun.wait()
        assert await relay(pool, InMemoryPublisher()).relay_batch() == 0
        blocking.gate.set()
        assert await active == 1


class _Recording:
    """Remembers what it was asked to publish."""

    def __init__(self, publisher: EventPublisher) -> None:
        self.ids: list[str] = []
        self._publisher = publisher

    async def publish(self, events: Sequence[Event]) -> None:
        self.ids.extend(event.id for event in events)
        await self._publisher.publish(events)


class _Died(BaseException):
    """As if the process ended here."""


class _Dying:
    """Publishes, and then the process ends."""

    def __init__(self, publisher: EventPublisher) -> None:
        self._publisher = publisher

    async def publish(self, events: Sequence[Event]) -> None:
        await self._publisher.publish(events)
        raise _Died


class _Refusing:
    """Refuses the events of some numbers."""

    def __init__(self, numbers: set[int]) -> None:
        self.numbers = numbers

    async def publish(self, events: Sequence[Event]) -> None:
        if refused := [event for event in events if event.data["n"] in self.numbers]:
            raise NotAcknowledged(refused)


class _Blocking:
    """Publishes when it is allowed to."""

    def __init__(self) -> None:
        self.begun, self.gate = asyncio.Event(), asyncio.Event()

    async def publish(self, events: Sequence[Event]) -> None:
        self.begun.set()
        await self.gate.wait()
