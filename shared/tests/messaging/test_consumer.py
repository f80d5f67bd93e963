"""What a consumer does with events, good and bad ones, on a broker that works."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest
from nats.js.api import ConsumerInfo, RawStreamMsg
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from delinkcious import tracing
from delinkcious.errors import Unavailable
from delinkcious.messaging import Backoff, Broker, Consumer, Event, MalformedEvent, Publisher
from delinkcious.messaging.streams import DEAD_LETTERS, LINKS, Stream
from delinkcious.testing.waiting import eventually

pytestmark = pytest.mark.integration

Running = Callable[..., AbstractAsyncContextManager[Consumer]]
Read = Callable[[Stream], Awaitable[list[RawStreamMsg]]]


def event(number: int = 0, key: str = "k") -> Event:
    return Event(type="links.added", source="/test", key=key, data={"n": number})


class Handler:
    """Remembers what it handled; fails for the numbers that it is told to fail for."""

    def __init__(self, failures: dict[int, list[Exception]] | None = None) -> None:
        self.calls: list[int] = []
        self.handled: list[Event] = []
        self._failures = failures or {}

    async def __call__(self, event: Event) -> None:
        number = event.data["n"]
        self.calls.append(number)
        if failures := self._failures.get(number):
            raise failures.pop(0)
        self.handled.append(event)

    @property
    def numbers(self) -> list[int]:
        return [event.data["n"] for event in self.handled]


@pytest.fixture
def publisher(broker: Broker) -> Publisher:
    return Publisher(broker)


async def state(broker: Broker, name: str = "test") -> ConsumerInfo:
    info = await broker.connection().jetstream.consumer_info(LINKS.name, name)
    assert isinstance(info, ConsumerInfo)
    return info


async def settled(broker: Broker) -> bool:
    """Whether everything is delivered and answered."""
    info = await state(broker)
    return info.num_pending == 0 and info.num_ack_pending == 0


async def test_an_event_arrives_as_it_was_published(
    publisher: Publisher, consuming: Running, broker: Broker
) -> None:
    handle, sent = Handler(), event()
    async with consuming(handle):
        await publisher.publish([sent])
        await eventually(lambda: handle.handled)
        await eventually(lambda: settled(broker))
    [received] = handle.handled
    assert (received.id, received.type, received.key) == (sent.id, sent.type, sent.key)
    assert (received.data, received.time) == (sent.data, sent.time)


async def test_events_published_before_the_consumer_existed_arrive(
    publisher: Publisher, consuming: Running
) -> None:
    handle = Handler()
    await publisher.publish([event(1), event(2)])
    async with consuming(handle):
        await eventually(lambda: handle.numbers == [1, 2])


async def test_only_its_subjects_arrive(publisher: Publisher, consuming: Running) -> None:
    handle = Handler()
    other = Event(type="links.checked", source="/test", key="k", data={"n": 1})
    async with consuming(handle, subjects=["links.added", "links.deleted"]):
        await publisher.publish([other, event(2)])
        await eventually(lambda: handle.numbers == [2])


async def test_events_of_one_key_are_handled_in_order(
    publisher: Publisher, consuming: Running
) -> None:
    handle = Handler()
    await publisher.publish([event(number, key=f"k{number % 3}") for number in range(300)])
    async with consuming(handle, batch=50):
        await eventually(lambda: len(handle.handled) == 300)
    for rest in range(3):
        numbers = [number for number in handle.numbers if number % 3 == rest]
        assert numbers == sorted(numbers)


async def test_a_slow_event_holds_up_its_own_key_and_no_other(
    publisher: Publisher, consuming: Running
) -> None:
    gate, handled = asyncio.Event(), list[int]()

    async def handle(event: Event) -> None:
        if event.data["n"] == 0:
            await gate.wait()
        handled.append(event.data["n"])

    async with consuming(handle):
        await publisher.publish([event(0, "slow"), event(1, "slow"), event(2, "quick")])
        await eventually(lambda: handled)
        assert handled == [2]
        gate.set()
        await eventually(lambda: handled == [2, 0, 1])


async def test_no_more_is_held_than_allowed(
    publisher: Publisher, consuming: Running, broker: Broker
) -> None:
    gate = asyncio.Event()

    async def handle(_: Event) -> None:
        await gate.wait()

    async with consuming(handle, batch=20):
        await publisher.publish([event(number, key=str(number)) for number in range(100)])

        async def holds_all_it_may() -> bool:
            return (await state(broker)).num_ack_pending == 20

        await eventually(lambda: _exists(broker))
        await eventually(holds_all_it_may)
        assert (await state(broker)).num_pending == 80
        gate.set()
        await eventually(lambda: settled(broker))


async def test_a_failed_event_comes_again(
    publisher: Publisher, consuming: Running, broker: Broker, counted: Callable[..., float]
) -> None:
    handle = Handler({1: [RuntimeError("first"), RuntimeError("second")]})
    async with consuming(handle):
        await publisher.publish([event(1)])
        await eventually(lambda: handle.numbers == [1])
        await eventually(lambda: settled(broker))
    assert handle.calls == [1, 1, 1]
    assert counted("delinkcious_events_redelivered_total", consumer="test") == 2
    for outcome, number in (("failed", 2), ("handled", 1)):
        labels = {"consumer": "test", "outcome": outcome}
        assert counted("delinkcious_events_consumed_total", **labels) == number


async def test_a_poisoned_event_is_dead_lettered_and_does_not_hold_up_the_rest(
    publisher: Publisher,
    consuming: Running,
    broker: Broker,
    read: Read,
    counted: Callable[..., float],
) -> None:
    handle = Handler({1: [ValueError(f"no {n}\r\nway") for n in range(10)]})
    poison = event(1)
    async with consuming(handle, max_deliver=3):
        await publisher.publish([event(0), poison, *(event(n) for n in range(2, 50))])
        await eventually(lambda: len(handle.handled) == 49)
        await eventually(lambda: settled(broker))
    [letter] = await read(DEAD_LETTERS)
    headers = letter.headers or {}
    assert letter.subject == "dead.test.links.added"
    assert letter.data == poison.payload()
    assert {name: value for name, value in headers.items() if name.startswith("dead-")} == {
        "dead-consumer": "test",
        "dead-reason": "ValueError: no 2 way",
        "dead-subject": "links.added",
        "dead-stream": "LINKS",
        "dead-sequence": "2",
        "dead-deliveries": "3",
    }
    assert headers["ce-id"] == poison.id
    assert handle.calls.count(1) == 3
    labels = {"consumer": "test", "subject": "links.added", "reason": "failed"}
    assert counted("delinkcious_events_dead_lettered_total", **labels) == 1


async def test_a_poisoned_event_does_not_hold_up_its_own_key_which_stays_in_order(
    publisher: Publisher, consuming: Running, broker: Broker
) -> None:
    handle = Handler({3: [ValueError("no way") for _ in range(10)]})
    async with consuming(handle, max_deliver=3, backoff=Backoff(1, 1)):
        await publisher.publish([event(number, "alice") for number in range(20)])
        await eventually(lambda: len(handle.handled) == 19)
        assert handle.calls.count(3) < 3  # it was not even given up on by then
        await eventually(lambda: settled(broker))
    assert handle.numbers == [number for number in range(20) if number != 3]


async def test_more_poisoned_events_than_it_may_hold_do_not_stop_it(
    publisher: Publisher, consuming: Running, broker: Broker, read: Read
) -> None:
    poison: dict[int, list[Exception]] = {n: [ValueError("no")] * 10 for n in range(60)}
    handle = Handler(poison)
    async with consuming(handle, max_deliver=3, batch=10):
        await publisher.publish([event(number, key=str(number)) for number in range(100)])
        await eventually(lambda: settled(broker) if len(handle.handled) == 40 else False)
    assert sorted(handle.numbers) == list(range(60, 100))
    assert len(await read(DEAD_LETTERS)) == 60


async def test_two_consumers_may_give_up_on_the_same_event(
    publisher: Publisher, consuming: Running, read: Read
) -> None:
    poison = event(1)
    handlers = [Handler({1: [ValueError("no")]}) for _ in range(2)]
    async with (
        consuming(handlers[0], name="one", max_deliver=1),
        consuming(handlers[1], name="other", max_deliver=1),
    ):
        await publisher.publish([poison])

        async def both_are_there() -> bool:
            return {letter.subject for letter in await read(DEAD_LETTERS)} == {
                "dead.one.links.added",
                "dead.other.links.added",
            }

        await eventually(both_are_there)


async def test_a_message_that_is_no_event_is_dead_lettered_at_once(
    publisher: Publisher, consuming: Running, broker: Broker, read: Read
) -> None:
    handle = Handler()
    jetstream = broker.connection().jetstream
    # Neither of these headers may fool the consumer, nor the stream of dead letters.
    misleading = {
        "Status": "503",
        "Nats-Expected-Stream": LINKS.name,
        "replayed-subject": "graph.followed",
    }
    await jetstream.publish("links.added", b"{", headers=misleading)
    await jetstream.publish("links.added", b"without headers")
    async with consuming(handle):
        await publisher.publish([event(1)])
        await eventually(lambda: handle.numbers == [1])
        await eventually(lambda: settled(broker))
    letters = await read(DEAD_LETTERS)
    assert [letter.data for letter in letters] == [b"{", b"without headers"]
    assert {letter.subject for letter in letters} == {"dead.test.links.added"}
    for letter in letters:
        headers = letter.headers or {}
        assert headers["dead-reason"] == "MalformedEvent: ce-specversion: is missing"
        assert headers["dead-deliveries"] == "1"


async def test_an_event_that_the_handler_cannot_read_is_dead_lettered_at_once(
    publisher: Publisher, consuming: Running, broker: Broker, read: Read
) -> None:
    handle = Handler({1: [MalformedEvent.of("author", "is missing")]})
    async with consuming(handle):
        await publisher.publish([event(1), event(2)])
        await eventually(lambda: handle.numbers == [2])
        await eventually(lambda: settled(broker))
    [letter] = await read(DEAD_LETTERS)
    assert (letter.headers or {})["dead-reason"] == "MalformedEvent: author: is missing"


async def test_an_event_waits_as_long_as_something_is_unavailable(
    publisher: Publisher,
    consuming: Running,
    broker: Broker,
    read: Read,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("delinkcious.messaging.processing._DEFERRAL", Backoff(0.001, 0.001))
    handle = Handler({1: [Unavailable("Redis does not answer.") for _ in range(10)]})
    async with consuming(handle, max_deliver=1):
        await publisher.publish([event(1), event(2)])
        await eventually(lambda: handle.numbers == [1, 2])  # and the order is kept
        await eventually(lambda: settled(broker))
    assert handle.calls == [1] * 11 + [2]
    assert await read(DEAD_LETTERS) == []


async def test_a_handler_that_takes_too_long_has_failed(
    publisher: Publisher, consuming: Running, read: Read
) -> None:
    async def handle(_: Event) -> None:
        await asyncio.Event().wait()

    async with consuming(handle, timeout=0.05, max_deliver=1):
        await publisher.publish([event()])
        await eventually(lambda: read(DEAD_LETTERS))
    [letter] = await read(DEAD_LETTERS)
    assert (letter.headers or {})["dead-reason"].startswith("TimeoutError")


async def test_a_long_handler_keeps_its_event(
    publisher: Publisher, consuming: Running, broker: Broker
) -> None:
    calls, gate = list[Event](), asyncio.Event()

    async def handle(event: Event) -> None:
        calls.append(event)
        await gate.wait()

    loop = asyncio.get_running_loop()
    async with consuming(handle, ack_wait=0.3):
        await publisher.publish([event(1), event(2)])  # the second waits for the first
        await eventually(lambda: calls)
        begun = loop.time()
        await eventually(lambda: loop.time() - begun > 1, message="three times ack_wait")
        assert (await state(broker)).num_redelivered == 0
        gate.set()
        await eventually(lambda: settled(broker))
    assert len(calls) == 2


async def test_the_events_of_a_process_that_died_come_again(
    publisher: Publisher, consuming: Running, broker: Broker
) -> None:
    handle = Handler()
    async with consuming(handle, ack_wait=0.3):
        await eventually(lambda: _exists(broker))
    dead = await broker.connection().jetstream.pull_subscribe_bind("test", LINKS.name)
    await publisher.publish([event(1)])
    [_] = await dead.fetch(1, timeout=5)  # and never answers
    async with consuming(handle, ack_wait=0.3):
        await eventually(lambda: handle.numbers == [1])


async def _exists(broker: Broker) -> bool:
    return bool(await broker.connection().jetstream.consumers_info(LINKS.name))


async def test_an_event_that_ends_every_process_is_given_up_on(
    publisher: Publisher, consuming: Running, broker: Broker, read: Read
) -> None:
    handle = Handler()
    async with consuming(handle):
        await eventually(lambda: _exists(broker))
    dying = await broker.connection().jetstream.pull_subscribe_bind("test", LINKS.name)
    await publisher.publish([event(1)])
    for _ in range(2):
        [message] = await dying.fetch(1, timeout=5)
        await message.nak()
    async with consuming(handle, max_deliver=1):
        await eventually(lambda: read(DEAD_LETTERS))
        await eventually(lambda: settled(broker))
    assert handle.calls == []
    [letter] = await read(DEAD_LETTERS)
    assert (letter.headers or {})["dead-reason"] == "delivered too often, never answered"


async def test_one_trace_runs_from_the_publisher_into_the_handler(
    publisher: Publisher, consuming: Running, spans: InMemorySpanExporter
) -> None:
    inside = list[tuple[str, str] | None]()
    routing = list[dict[str, str]]()

    async def handle(_: Event) -> None:
        inside.append(tracing.current_ids())
        routing.append(tracing.inject())

    context = tracing.extract({"baggage": "team=blue", "x-branch": "feature-7"})
    async with consuming(handle):
        with tracing.span("request", context=context):
            await publisher.publish([event()])
        await eventually(lambda: inside)
    finished = {span.name: span for span in spans.get_finished_spans()}
    request, sent, processed = (
        finished[name] for name in ("request", "send links.added", "process links.added")
    )
    assert processed.kind is SpanKind.CONSUMER
    assert processed.parent is not None
    assert processed.parent.span_id == sent.context.span_id
    assert processed.context.trace_id == request.context.trace_id
    assert inside == [
        (format(request.context.trace_id, "032x"), format(processed.context.span_id, "016x"))
    ]
    assert routing[0]["x-branch"] == "feature-7"
    assert routing[0]["baggage"] == "team=blue"
