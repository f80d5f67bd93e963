"""Consumers that stop, that share, and that lose the broker or what is theirs in it."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from delinkcious.errors import Unavailable
from delinkcious.messaging import Backoff, Broker, Consumer, Event, NotAcknowledged, Publisher
from delinkcious.messaging.streams import LINKS
from delinkcious.testing.embedded import LOOPBACK
from delinkcious.testing.running import RunningServer
from delinkcious.testing.waiting import eventually

pytestmark = pytest.mark.integration


def events(count: int) -> list[Event]:
    return [
        Event(type="links.added", source="/test", key=str(n), data={"n": n}) for n in range(count)
    ]


class Worker:
    """A consumer in a process of its own, as far as the broker can tell."""

    def __init__(
        self, broker: Broker, handle: Callable[[Event], Awaitable[None]], **options: float
    ) -> None:
        consumer = Consumer(
            broker,
            stream=LINKS,
            name="shared",
            subjects=["links.added"],
            handle=handle,
            backoff=Backoff(base=0.05, cap=0.1),
            **options,  # type: ignore[arg-type]
        )
        self._stop = asyncio.Event()
        self.task = asyncio.create_task(consumer.run(self._stop))

    def stop_soon(self) -> None:
        self._stop.set()

    async def stop(self) -> None:
        self._stop.set()
        await self.task


async def test_two_workers_share_the_events(broker: Broker) -> None:
    handled: dict[str, list[int]] = {"one": [], "other": []}

    def handler(name: str) -> Callable[[Event], Awaitable[None]]:
        async def handle(event: Event) -> None:
            handled[name].append(event.data["n"])

        return handle

    workers = [Worker(broker, handler(name), batch=10) for name in handled]
    await Publisher(broker).publish(events(500))
    await eventually(lambda: sum(map(len, handled.values())) >= 500)
    for worker in workers:
        await worker.stop()
    assert sorted(handled["one"] + handled["other"]) == list(range(500))
    assert all(handled.values())


async def test_a_stopping_worker_finishes_what_it_holds(broker: Broker) -> None:
    gate, begun, handled = asyncio.Event(), asyncio.Event(), list[int]()

    async def handle(event: Event) -> None:
        begun.set()
        await gate.wait()
        handled.append(event.data["n"])

    await Publisher(broker).publish(events(30))
    worker = Worker(broker, handle, concurrency=2)
    await begun.wait()
    stopping = asyncio.create_task(worker.stop())
    await asyncio.wait({stopping}, timeout=0.05)
    assert not stopping.done()
    gate.set()
    await stopping
    assert sorted(handled) == list(range(30))
    await eventually(lambda: _holds(broker, 0))


async def test_a_stopping_worker_hands_back_what_it_cannot_finish(broker: Broker) -> None:
    async def stuck(_: Event) -> None:
        await asyncio.Event().wait()

    handled = list[int]()

    async def handle(event: Event) -> None:
        handled.append(event.data["n"])

    await Publisher(broker).publish(events(30))
    first = Worker(broker, stuck, grace_period=0.05, ack_wait=60)
    await eventually(lambda: _holds(broker, 30))
    await first.stop()
    second = Worker(broker, handle, ack_wait=60)
    await eventually(lambda: sorted(handled) == list(range(30)), timeout=5)
    await second.stop()


async def _holds(broker: Broker, number: int) -> bool:
    infos = await broker.connection().jetstream.consumers_info(LINKS.name)
    return [info.num_ack_pending for info in infos] == [number]


async def test_a_stopping_worker_does_not_wait_for_what_is_unavailable(broker: Broker) -> None:
    begun = asyncio.Event()

    async def handle(_: Event) -> None:
        begun.set()
        raise Unavailable("Redis does not answer.")

    await Publisher(broker).publish(events(3))
    worker = Worker(broker, handle, grace_period=60)
    await begun.wait()
    await asyncio.wait_for(worker.stop(), 2)


async def test_stopping_loses_nothing_that_is_on_its_way(broker: Broker) -> None:
    """A worker is stopped and started again and again while a batch pours in."""
    handled = list[int]()
    worker: Worker

    async def handle(event: Event) -> None:
        handled.append(event.data["n"])
        worker.stop_soon()

    large = "x" * 4000  # so that a batch takes many reads from the socket
    batch = [replace(event, data={**event.data, "x": large}) for event in events(1000)]
    await Publisher(broker).publish(batch)
    while len(handled) < 1000:
        worker = Worker(broker, handle, batch=500, ack_wait=60)
        await asyncio.wait_for(worker.task, 5)
    assert sorted(handled) == list(range(1000))


@pytest.mark.parametrize("lost", ["consumer", "stream"])
async def test_a_worker_makes_again_what_was_deleted(broker: Broker, lost: str) -> None:
    handled = set[int]()

    async def handle(event: Event) -> None:
        handled.add(event.data["n"])

    batch = events(20)
    worker = Worker(broker, handle)
    await Publisher(broker).publish(batch[:10])
    await eventually(lambda: len(handled) == 10)
    jetstream = broker.connection().jetstream
    if lost == "consumer":
        await jetstream.delete_consumer(LINKS.name, "shared")
    else:
        await jetstream.delete_stream(LINKS.name)
    await eventually(lambda: _publishes(broker, batch[10:]))
    await eventually(lambda: len(handled) == 20)
    await worker.stop()


async def _publishes(broker: Broker, batch: list[Event]) -> bool:
    try:
        await Publisher(broker).publish(batch)
    except NotAcknowledged:
        return False
    return True


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_worker_survives_a_restart_of_the_broker(
    nats_process: RunningServer, end: str
) -> None:
    handled = set[int]()

    async def handle(event: Event) -> None:
        handled.add(event.data["n"])

    batch = events(20)
    async with Broker(LOOPBACK, nats_process.server.port, "test") as broker:
        worker = Worker(broker, handle, ack_wait=1)
        await broker.wait_connected()
        await Publisher(broker).publish(batch[:10])
        await eventually(lambda: len(handled) == 10)
        getattr(nats_process, end)()
        await eventually(lambda: not broker.connected)
        nats_process.start()
        await eventually(lambda: broker.connected)
        await Publisher(broker).publish(batch[10:])
        await eventually(lambda: len(handled) == 20)
        await worker.stop()


async def test_what_waits_while_the_broker_restarts_is_handled_once(
    nats_process: RunningServer,
) -> None:
    calls, handled, available = list[int](), list[int](), asyncio.Event()

    async def handle(event: Event) -> None:
        calls.append(event.data["n"])
        if not available.is_set():
            raise Unavailable("Redis does not answer.")
        handled.append(event.data["n"])

    async with Broker(LOOPBACK, nats_process.server.port, "test") as broker:
        worker = Worker(broker, handle, batch=1, ack_wait=1)
        await broker.wait_connected()
        await Publisher(broker).publish(events(1))
        await eventually(lambda: calls)
        nats_process.kill()
        await eventually(lambda: not broker.connected)
        nats_process.start()
        await eventually(lambda: broker.connected)
        available.set()
        await eventually(lambda: handled)
        await eventually(lambda: _holds(broker, 0))
        await worker.stop()
    assert handled == [0]


async def test_a_worker_goes_on_when_the_broker_lost_everything(
    nats_process: RunningServer, tmp_path: Path
) -> None:
    handled = set[int]()

    async def handle(event: Event) -> None:
        handled.add(event.data["n"])

    async with Broker(LOOPBACK, nats_process.server.port, "test") as broker:
        worker = Worker(broker, handle)
        await broker.wait_connected()
        nats_process.kill()
        shutil.rmtree(tmp_path / "nats")
        nats_process.start()
        await eventually(lambda: _publishes(broker, events(10)))
        await eventually(lambda: len(handled) == 10)
        await worker.stop()


async def test_a_worker_started_without_a_broker_waits_for_it(nats_process: RunningServer) -> None:
    nats_process.stop()
    handled = set[int]()

    async def handle(event: Event) -> None:
        handled.add(event.data["n"])

    async with Broker(LOOPBACK, nats_process.server.port, "test") as broker:
        worker = Worker(broker, handle)
        nats_process.start()
        await eventually(lambda: broker.connected)
        await Publisher(broker).publish(events(3))
        await eventually(lambda: len(handled) == 3)
        await worker.stop()


async def test_a_worker_that_never_had_a_broker_stops(nats_process: RunningServer) -> None:
    nats_process.stop()

    async def handle(_: Event) -> None: ...

    async with Broker(LOOPBACK, nats_process.server.port, "test") as broker:
        worker = Worker(broker, handle)
        await asyncio.wait({worker.task}, timeout=0.05)
        await asyncio.wait_for(worker.stop(), 2)
