"""Publishing: the double and the real thing keep the same promises, the real one more."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
from nats.js.api import RawStreamMsg
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from delinkcious import tracing
from delinkcious.messaging import Broker, Event, EventPublisher, NotAcknowledged, Publisher
from delinkcious.messaging.streams import LINKS
from delinkcious.testing.embedded import LOOPBACK
from delinkcious.testing.messaging import InMemoryPublisher
from delinkcious.testing.running import RunningServer
from delinkcious.testing.waiting import eventually, free_port

Published = Callable[[], Awaitable[list[str]]]


def events(number: int) -> list[Event]:
    return [
        Event(type="links.added", source="/test", key=f"k{i % 3}", data={"n": i})
        for i in range(number)
    ]


class Contract:
    """What every publisher promises."""

    async def test_events_are_published_in_their_order(
        self, publisher: EventPublisher, published: Published
    ) -> None:
        batch = events(50)
        await publisher.publish(batch)
        assert await published() == [event.id for event in batch]

    async def test_nothing_to_publish_is_no_error(
        self, publisher: EventPublisher, published: Published
    ) -> None:
        await publisher.publish([])
        assert await published() == []

    async def test_an_event_published_again_is_there_once(
        self, publisher: EventPublisher, published: Published
    ) -> None:
        one, other = events(2)
        await publisher.publish([one])
        await publisher.publish([one, other, one])
        assert await published() == [one.id, other.id]

    async def test_data_that_is_not_json_is_refused(
        self, publisher: EventPublisher, published: Published
    ) -> None:
        bad = Event(type="links.added", source="/test", key="k", data={"n": object()})
        with pytest.raises(ValueError, match="not JSON"):
            await publisher.publish([*events(1), bad])
        assert await published() == []

    async def test_a_failure_names_what_is_not_published(self, down: EventPublisher) -> None:
        batch = events(5)
        with pytest.raises(NotAcknowledged, match=rf"{batch[0].id}.* and 2 more") as failure:
            await down.publish(batch)
        assert list(failure.value.events) == batch


class TestInMemoryPublisher(Contract):
    @pytest.fixture
    def publisher(self) -> InMemoryPublisher:
        return InMemoryPublisher()

    @pytest.fixture
    def published(self, publisher: InMemoryPublisher) -> Published:
        async def ids() -> list[str]:
            return [event.id for event in publisher.events]

        return ids

    @pytest.fixture
    def down(self, publisher: InMemoryPublisher) -> InMemoryPublisher:
        publisher.down = True
        return publisher


@pytest.mark.integration
class TestPublisher(Contract):
    @pytest.fixture
    def publisher(self, broker: Broker) -> Publisher:
        return Publisher(broker)

    @pytest.fixture
    def published(self, read: Callable[..., Awaitable[list[RawStreamMsg]]]) -> Published:
        async def ids() -> list[str]:
            return [str((message.headers or {})["ce-id"]) for message in await read(LINKS)]

        return ids

    @pytest.fixture
    async def down(self) -> AsyncIterator[Publisher]:
        async with Broker(LOOPBACK, free_port(), "test") as broker:
            yield Publisher(broker)

    async def test_more_events_than_fit_in_one_go_keep_their_order(
        self, publisher: Publisher, published: Published
    ) -> None:
        batch = events(1100)
        await publisher.publish(batch)
        assert await published() == [event.id for event in batch]

    async def test_the_message_continues_the_current_trace(
        self,
        publisher: Publisher,
        read: Callable[..., Awaitable[list[RawStreamMsg]]],
        spans: InMemorySpanExporter,
    ) -> None:
        context = tracing.extract({"baggage": "team=blue", "x-branch": "feature-7"})
        with tracing.span("request", context=context) as request:
            await publisher.publish(events(1))
        [message] = await read(LINKS)
        [sent] = [span for span in spans.get_finished_spans() if span.name == "send links.added"]
        headers = message.headers or {}
        assert sent.parent == request.get_span_context()
        assert headers["traceparent"].split("-")[2] == format(sent.context.span_id, "016x")
        assert headers["baggage"] == "team=blue"
        assert headers["x-branch"] == "feature-7"

    async def test_an_event_with_a_context_continues_that_one(
        self, publisher: Publisher, spans: InMemorySpanExporter
    ) -> None:
        with tracing.span("origin") as origin:
            context = tracing.inject()
        event = Event(type="links.added", source="/test", key="k", data={}, context=context)
        with tracing.span("relay"):
            await publisher.publish([event])
        [sent] = [span for span in spans.get_finished_spans() if span.name == "send links.added"]
        assert sent.parent is not None
        assert sent.parent.span_id == origin.get_span_context().span_id

    async def test_a_deleted_stream_is_made_again(
        self, broker: Broker, publisher: Publisher, published: Published
    ) -> None:
        await broker.connection().jetstream.delete_stream(LINKS.name)
        batch = events(3)
        with pytest.raises(NotAcknowledged):
            await publisher.publish(batch)
        await publisher.publish(batch)
        assert await published() == [event.id for event in batch]

    async def test_it_counts_what_is_and_what_is_not_published(
        self, publisher: Publisher, down: Publisher, counted: Callable[..., float]
    ) -> None:
        await publisher.publish(events(3))
        with pytest.raises(NotAcknowledged):
            await down.publish(events(2))
        assert counted("delinkcious_events_published_total", type="links.added") == 3
        assert counted("delinkcious_event_publish_failures_total", type="links.added") == 2


@pytest.mark.integration
async def test_losing_the_broker_while_publishing_is_noticed_at_once(
    nats_process: RunningServer,
) -> None:
    async with Broker(LOOPBACK, nats_process.server.port, "test") as broker:
        await broker.wait_connected()
        publisher = Publisher(broker, timeout=60)
        batch = events(2000)

        async def publish_until_it_fails() -> NotAcknowledged:
            while True:
                try:
                    await publisher.publish(batch)
                except NotAcknowledged as failure:
                    return failure

        publishing = asyncio.create_task(publish_until_it_fails())
        await asyncio.wait({publishing}, timeout=0.05)
        nats_process.kill()
        failure = await asyncio.wait_for(publishing, 5)
        # What is missing is an end of the batch, so publishing it again keeps the order.
        assert list(failure.events) == batch[-len(failure.events) :]


@pytest.mark.integration
async def test_losing_the_broker_with_full_buffers_is_noticed_at_once(
    nats_process: RunningServer,
) -> None:
    large = "x" * 100_000
    batch = [replace(event, data={"x": large}) for event in events(100)]
    async with Broker(LOOPBACK, nats_process.server.port, "test") as broker:
        await broker.wait_connected()
        nats_process.kill()
        publishing = asyncio.create_task(Publisher(broker, timeout=60).publish(batch))
        await asyncio.wait({publishing}, timeout=3)
        assert publishing.done()
        assert isinstance(publishing.exception(), NotAcknowledged)


@pytest.mark.integration
async def test_what_failed_can_be_published_again_in_order(nats_process: RunningServer) -> None:
    nats_process.stop()
    async with Broker(LOOPBACK, nats_process.server.port, "test") as broker:
        publisher = Publisher(broker)
        batch = events(10)
        with pytest.raises(NotAcknowledged):
            await publisher.publish(batch)
        nats_process.start()
        await eventually(lambda: broker.connected)
        await publisher.publish(batch)
        jetstream = broker.connection().jetstream
        stored = [await jetstream.get_msg(LINKS.name, seq) for seq in range(1, 11)]
        assert [(m.headers or {})["ce-id"] for m in stored] == [event.id for event in batch]
