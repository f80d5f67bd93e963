"""What a worker tells of its consumers and of what they gave up on."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from delinkcious.messaging import Broker, Consumer, Event, MalformedEvent, Publisher
from delinkcious.messaging.lag import Lag
from delinkcious.messaging.replay import DeadLetters, Selection
from delinkcious.messaging.streams import LINKS
from delinkcious.testing.measured import measured
from delinkcious.testing.waiting import eventually

pytestmark = pytest.mark.integration

Running = Callable[..., AbstractAsyncContextManager[Consumer]]


def gauge(name: str, **labels: str) -> float | None:
    return measured(f"delinkcious_{name}", **{"consumer": "test", **labels})


def events(count: int) -> list[Event]:
    return [
        Event(type="links.added", source="/test", key=str(n), data={"n": n}) for n in range(count)
    ]


async def test_it_tells_what_waits_and_what_is_under_way(
    broker: Broker, consuming: Running
) -> None:
    gate, lag = asyncio.Event(), Lag(LINKS, "test")

    async def handle(_: Event) -> None:
        await gate.wait()

    async def told() -> tuple[float | None, float | None]:
        await lag.measure(broker.connection())
        return gauge("consumer_pending_events"), gauge("consumer_ack_pending_events")

    async with consuming(handle, batch=20):
        await Publisher(broker).publish(events(100))

        async def it_is_full() -> bool:
            return await told() == (80, 20)

        await eventually(lambda: consumer_exists(broker))
        await eventually(it_is_full)
        gate.set()

        async def it_is_done() -> bool:
            return await told() == (0, 0)

        await eventually(it_is_done)


async def consumer_exists(broker: Broker) -> bool:
    return bool(await broker.connection().jetstream.consumers_info(LINKS.name))


async def test_it_tells_what_is_given_again(broker: Broker, consuming: Running) -> None:
    calls, gate, lag = list[int](), asyncio.Event(), Lag(LINKS, "test")

    async def handle(event: Event) -> None:
        calls.append(event.data["n"])
        if len(calls) == 1:
            raise RuntimeError("once")
        await gate.wait()

    async with consuming(handle):
        await Publisher(broker).publish(events(1))
        await eventually(lambda: len(calls) == 2)
        await lag.measure(broker.connection())
        assert gauge("consumer_redelivering_events") == 1
        gate.set()


async def test_it_counts_dead_letters_by_subject_until_they_are_gone(
    broker: Broker, consuming: Running
) -> None:
    lag = Lag(LINKS, "test")

    async def handle(_: Event) -> None:
        raise MalformedEvent.of("n", "no")

    async def counted() -> float | None:
        await lag.measure(broker.connection())
        return gauge("dead_letters", subject="links.added")

    async def all_are_counted() -> bool:
        return await counted() == 3

    async with consuming(handle):
        await Publisher(broker).publish(events(3))
        await eventually(lambda: consumer_exists(broker))
        await eventually(all_are_counted)
    letters = DeadLetters(broker.connection().jetstream, ["test"])
    async for letter in letters.find(Selection()):
        await letters.drop(letter)
    assert await counted() == 0


async def test_a_worker_tells_by_itself_and_begins_at_zero(
    broker: Broker, consuming: Running
) -> None:
    async def handle(_: Event) -> None:
        pass

    async with consuming(handle, name="fresh"):
        named = {"consumer": "fresh"}
        await eventually(lambda: gauge("consumer_pending_events", **named) == 0)
    assert gauge("events_redelivered_total", **named) == 0
    for outcome in ("handled", "failed", "deferred", "dead_lettered", "handed_back"):
        assert gauge("events_consumed_total", **named, outcome=outcome) == 0


async def test_it_tells_how_old_events_are_when_they_have_had_their_effect(
    broker: Broker, consuming: Running, counted: Callable[..., float]
) -> None:
    async def handle(_: Event) -> None:
        pass

    async with consuming(handle, name="aged"):
        await Publisher(broker).publish(events(2))
        labels = {"consumer": "aged"}
        await eventually(lambda: counted("delinkcious_event_age_seconds_count", **labels) == 2)
