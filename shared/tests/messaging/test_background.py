"""The broker in the background of processes that serve with threads."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import monotonic

import pytest
from nats.js.api import ConsumerConfig
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from delinkcious import tracing
from delinkcious.health import NotReady
from delinkcious.messaging import Broker, Event
from delinkcious.messaging.background import BackgroundBroker, EventSource, SoonPublisher
from delinkcious.testing.addresses import NatsAddress
from delinkcious.testing.embedded import LOOPBACK
from delinkcious.testing.measured import measured
from delinkcious.testing.messaging import InMemoryBackgroundBroker
from delinkcious.testing.running import RunningServer
from delinkcious.testing.waiting import free_port, wait_until

SUBJECT = "users.registered"


def event(number: int = 0, *, subject: str = SUBJECT) -> Event:
    return Event(type=subject, source="/test", key="k", data={"n": number})


def background(port: int, *, buffer: int = 1000) -> BackgroundBroker:
    return BackgroundBroker(Broker(LOOPBACK, port, "test"), buffer=buffer)


def dropped(reason: str) -> float:
    name = "delinkcious_background_events_dropped_total"
    return measured(name, type=SUBJECT, reason=reason) or 0


def stored(port: int) -> int:
    async def count() -> int:
        async with Broker(LOOPBACK, port, "reader") as broker:
            connection = await broker.wait_connected()
            return (await connection.jetstream.stream_info("USERS")).state.messages

    return asyncio.run(count())


def _is_frozen(pid: int) -> bool:
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(thread.read_text().rpartition(")")[2].split()[0] == "T" for thread in threads)


async def forge(port: int, event: Event) -> None:
    """Has what is told under another subject delivered under this one, and waits until it is."""
    async with Broker(LOOPBACK, port, "forger") as broker:
        connection = await broker.wait_connected()
        await connection.jetstream.add_consumer(
            "LINKS", ConsumerConfig(name="forger", durable_name="forger", deliver_subject=SUBJECT)
        )
        delivered = await connection.client.subscribe(SUBJECT, max_msgs=1)
        await connection.jetstream.publish(
            "links.checked", event.payload(), headers=event.headers()
        )
        await delivered.next_msg(timeout=10)
        await connection.jetstream.delete_consumer("LINKS", "forger")


@pytest.fixture
def started() -> Iterator[Callable[[BackgroundBroker], BackgroundBroker]]:
    """Starts brokers, and closes them after the test."""
    running: list[BackgroundBroker] = []

    def start(broker: BackgroundBroker) -> BackgroundBroker:
        running.append(broker)
        broker.start()
        return broker

    yield start
    for broker in running:
        broker.close()


Started = Callable[[BackgroundBroker], BackgroundBroker]


class TestWithoutABroker:
    def test_nobody_waits_for_it_and_readiness_says_why(self, started: Started) -> None:
        broker = started(background(free_port()))
        broker.publish_soon(event())
        assert not broker.connected
        with pytest.raises(NotReady):
            broker.check()

    def test_the_oldest_events_give_way_with_one_line_and_a_count(self) -> None:
        broker, before = background(free_port(), buffer=3), dropped("overflow")
        with capture_logs() as logs:
            for number in range(5):
                broker.publish_soon(event(number))
        assert dropped("overflow") - before == 2
        assert [line["event"] for line in logs] == ["events_dropped"]
        assert [waiting.data["n"] for waiting in broker._buffer.take(9)] == [2, 3, 4]

    def test_what_was_put_back_gives_way_first(self) -> None:
        buffer = background(free_port(), buffer=2)._buffer
        buffer.put_back([event(0), event(1), event(2)])
        buffer.add(event(3))
        assert [waiting.data["n"] for waiting in buffer.take(9)] == [2, 3]

    def test_what_is_not_json_is_dropped_and_breaks_nothing(self) -> None:
        broker, before = background(free_port()), dropped("invalid")
        wrong = Event(type=SUBJECT, source="/test", key="k", data={"n": "\ud800"})
        with capture_logs() as logs:
            broker.publish_soon(wrong)
        assert dropped("invalid") - before == 1
        assert logs[0]["reason"] == "invalid"
        assert not len(broker._buffer)

    def test_what_waits_when_it_is_closed_is_dropped_and_counted(self) -> None:
        broker, before = background(free_port()), dropped("closed")
        broker.publish_soon(event())
        broker.start()
        broker.close()
        broker.publish_soon(event())
        assert dropped("closed") - before == 2


@pytest.mark.integration
class TestBackgroundBroker:
    def test_it_hears_what_others_publish(
        self, started: Started, nats_address: NatsAddress
    ) -> None:
        heard: list[Event] = []
        listening = background(nats_address.port)
        listening.listen(SUBJECT, heard.append)
        connected: list[bool] = []
        listening.on_connect(lambda: connected.append(True))
        started(listening)
        wait_until(lambda: bool(connected))
        speaking = started(background(nats_address.port))
        said = [event(number) for number in range(3)]
        for each in said:
            speaking.publish_soon(each)
        wait_until(lambda: len(heard) == 3)
        assert [each.id for each in heard] == [each.id for each in said]

    @pytest.mark.parametrize("type_", [SUBJECT, "links.checked"])
    def test_it_does_not_take_one_event_for_another(
        self, type_: str, started: Started, nats_address: NatsAddress
    ) -> None:
        """Who may make a consumer can have the broker deliver under any subject (ADR-0050)."""
        heard: list[int] = []
        broker = background(nats_address.port)
        broker.listen(SUBJECT, lambda event: heard.append(event.data["n"]))
        connected: list[bool] = []
        broker.on_connect(lambda: connected.append(True))
        started(broker)
        wait_until(lambda: bool(connected))
        asyncio.run(forge(nats_address.port, event(1, subject=type_)))
        broker.publish_soon(event(2))
        wait_until(lambda: heard == [2])

    def test_a_listener_that_fails_hears_the_next_event(
        self, started: Started, nats_address: NatsAddress
    ) -> None:
        heard: list[int] = []

        def listener(event: Event) -> None:
            heard.append(event.data["n"])
            raise ValueError

        broker = background(nats_address.port)
        broker.listen(SUBJECT, listener)
        for number in (1, 2):
            broker.on_connect(partial(broker.publish_soon, event(number)))
        started(broker)
        wait_until(lambda: heard == [1, 2])

    def test_it_listens_though_what_is_called_on_connect_fails(
        self, started: Started, nats_address: NatsAddress
    ) -> None:
        heard: list[Event] = []

        def fail() -> None:
            raise ValueError

        broker = background(nats_address.port)
        broker.listen(SUBJECT, heard.append)
        broker.on_connect(fail)
        broker.on_connect(partial(broker.publish_soon, event()))
        started(broker)
        wait_until(lambda: bool(heard))

    def test_it_publishes_in_the_trace_of_whoever_asks(
        self, started: Started, nats_address: NatsAddress, spans: InMemorySpanExporter
    ) -> None:
        broker = started(background(nats_address.port))
        with tracing.span("request") as request:
            broker.publish_soon(event())

        def parents() -> list[int]:
            sent = [s for s in spans.get_finished_spans() if s.name == f"send {SUBJECT}"]
            return [span.parent.span_id for span in sent if span.parent]

        wait_until(lambda: parents() == [request.get_span_context().span_id])

    def test_closing_publishes_what_still_waits(
        self, started: Started, nats_address: NatsAddress
    ) -> None:
        broker = started(background(nats_address.port))
        wait_until(lambda: broker.connected)
        for number in range(150):
            broker.publish_soon(event(number))
        broker.close()
        assert stored(nats_address.port) == 150

    def test_a_broker_that_hangs_does_not_hold_up_the_end(
        self, nats_process: RunningServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("delinkcious.messaging.background._LAST_EVENTS", 0.2)
        broker, before = background(nats_process.server.port), dropped("closed")
        broker.start()
        wait_until(lambda: broker.connected)
        os.kill(nats_process.pid, signal.SIGSTOP)
        wait_until(lambda: _is_frozen(nats_process.pid))  # each of its threads may yet answer
        broker.publish_soon(event())
        began = monotonic()
        broker.close()
        os.kill(nats_process.pid, signal.SIGCONT)
        assert monotonic() - began < 2
        assert dropped("closed") - before == 1

    def test_after_a_loss_it_listens_again_tells_so_and_publishes_what_waited(
        self, started: Started, nats_process: RunningServer
    ) -> None:
        heard: list[int] = []
        connections: list[bool] = []
        broker = background(nats_process.server.port)
        broker.listen(SUBJECT, lambda event: heard.append(event.data["n"]))
        broker.on_connect(lambda: connections.append(True))
        started(broker)
        wait_until(lambda: len(connections) == 1)
        nats_process.kill()
        wait_until(lambda: not broker.connected)
        broker.publish_soon(event(1))
        nats_process.start()
        wait_until(lambda: len(connections) == 2)
        broker.publish_soon(event(2))
        wait_until(lambda: 2 in heard)
        assert stored(nats_process.server.port) == 2


class TestInMemoryBackgroundBroker:
    def test_it_is_both_and_does_what_it_is_told(self) -> None:
        double = InMemoryBackgroundBroker()
        publisher: SoonPublisher = double
        source: EventSource = double
        heard: list[Event] = []
        source.listen(SUBJECT, heard.append)
        source.on_connect(heard.clear)
        said = event()
        double.tell(said)
        double.tell(event(subject="users.deleted"))
        assert heard == [said]
        double.connect()
        assert heard == []
        publisher.publish_soon(said)
        assert double.events == [said]
