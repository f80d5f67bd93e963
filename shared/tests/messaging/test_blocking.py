"""Publishing from threads."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from delinkcious import tracing
from delinkcious.errors import Unavailable
from delinkcious.health import NotReady
from delinkcious.messaging import BlockingEventPublisher, BlockingPublisher, Broker, Event
from delinkcious.testing.addresses import NatsAddress
from delinkcious.testing.embedded import LOOPBACK
from delinkcious.testing.messaging import InMemoryBlockingPublisher
from delinkcious.testing.waiting import free_port, wait_until


def event(number: int = 0) -> Event:
    return Event(type="links.checked", source="/test", key="k", data={"n": number})


class Contract:
    """What every blocking publisher promises."""

    def test_it_publishes(self, publisher: BlockingEventPublisher) -> None:
        publisher.publish([event(1), event(2)])

    def test_a_broker_that_is_not_there_is_unavailable(self, down: BlockingEventPublisher) -> None:
        with pytest.raises(Unavailable, match=r"links\.checked"):
            down.publish([event()])


class TestInMemoryBlockingPublisher(Contract):
    @pytest.fixture
    def publisher(self) -> InMemoryBlockingPublisher:
        return InMemoryBlockingPublisher()

    @pytest.fixture
    def down(self, publisher: InMemoryBlockingPublisher) -> InMemoryBlockingPublisher:
        publisher.down = True
        return publisher

    def test_it_remembers_what_was_published(self, publisher: InMemoryBlockingPublisher) -> None:
        published = event()
        publisher.publish([published])
        assert publisher.events == [published]


@pytest.mark.integration
class TestBlockingPublisher(Contract):
    @pytest.fixture
    def publisher(self, nats_address: NatsAddress) -> Iterator[BlockingPublisher]:
        publisher = BlockingPublisher(Broker(nats_address.host, nats_address.port, "test"))
        publisher.start()
        wait_until(lambda: publisher.connected)
        yield publisher
        publisher.close()

    @pytest.fixture
    def down(self) -> Iterator[BlockingPublisher]:
        publisher = BlockingPublisher(Broker(LOOPBACK, free_port(), "test"))
        publisher.start()
        yield publisher
        publisher.close()

    def test_many_threads_may_publish_at_once(
        self, publisher: BlockingPublisher, nats_address: NatsAddress
    ) -> None:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda number: publisher.publish([event(number)]), range(100)))

        async def stored() -> int:
            async with Broker(nats_address.host, nats_address.port, "test") as broker:
                connection = await broker.wait_connected()
                return (await connection.jetstream.stream_info("LINKS")).state.messages

        assert asyncio.run(stored()) == 100

    def test_the_message_continues_the_threads_trace(
        self, publisher: BlockingPublisher, spans: InMemorySpanExporter
    ) -> None:
        with tracing.span("request") as request:
            publisher.publish([event()])
        [sent] = [span for span in spans.get_finished_spans() if span.name == "send links.checked"]
        assert sent.parent == request.get_span_context()

    def test_readiness_says_what_is_missing(
        self, publisher: BlockingPublisher, down: BlockingPublisher
    ) -> None:
        publisher.check()
        with pytest.raises(NotReady):
            down.check()

    def test_before_start_and_after_close_it_is_unavailable(
        self, nats_address: NatsAddress
    ) -> None:
        publisher = BlockingPublisher(Broker(nats_address.host, nats_address.port, "test"))
        for _ in ("before", "after"):
            with pytest.raises(Unavailable, match="not running"):
                publisher.publish([event()])
            with pytest.raises(NotReady):
                publisher.check()
            publisher.start()
            publisher.close()
