"""One trace runs from an event, through the broker, to the write of a feed."""

import asyncio

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from delinkcious import tracing
from delinkcious.messaging import Broker, Consumer, Event, Publisher
from delinkcious.messaging.streams import LINKS
from delinkcious.redis import AsyncRedis
from delinkcious.testing.addresses import NatsAddress
from delinkcious.testing.spans import collected_spans
from delinkcious.testing.waiting import eventually
from news_service.events import TYPES, to_link_news
from news_service.redis import RedisNewsStore

from .conftest import FEED_SIZE, RETENTION, Graph, desk_of
from .test_process import event_of

pytestmark = pytest.mark.integration


async def test_the_event_is_the_parent_of_the_write(
    redis: AsyncRedis, nats_address: NatsAddress, graph: Graph
) -> None:
    store = RedisNewsStore(redis, feed_size=FEED_SIZE, retention=RETENTION)
    desk = desk_of(store, graph)

    async def record(event: Event) -> None:
        await desk.record(to_link_news(event))

    with collected_spans() as spans:
        async with Broker(nats_address.host, nats_address.port, "test") as broker:
            await broker.wait_connected()
            with tracing.span("the request") as request:
                await Publisher(broker).publish([event_of(1)])
            consumer = Consumer(
                broker, stream=LINKS, name="news", subjects=list(TYPES), handle=record
            )
            stop = asyncio.Event()
            running = asyncio.create_task(consumer.run(stop))
            await eventually(lambda: "process links.added" in names(spans.get_finished_spans()))
            stop.set()
            await running
        found = {span.name: span for span in spans.get_finished_spans()}
    consumed = found["process links.added"]
    assert parent_of(found["tell news"]) == parent_of(found["deliver news"]) == id_of(consumed)
    trace = request.get_span_context().trace_id
    assert {span.context.trace_id for span in found.values() if span.context} == {trace}


def names(spans: tuple[ReadableSpan, ...]) -> list[str]:
    return [span.name for span in spans]


def id_of(span: ReadableSpan) -> int | None:
    return span.context.span_id if span.context else None


def parent_of(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None
