"""One consumer's work over one connection: receive, keep alive, answer; and a clean end."""

import asyncio
from functools import partial
from typing import Final

from nats.aio.msg import Msg

from delinkcious.messaging import metrics
from delinkcious.messaging.broker import Connection
from delinkcious.messaging.delivery import Delivery
from delinkcious.messaging.event import Event, MalformedEvent
from delinkcious.messaging.lanes import Lanes
from delinkcious.messaging.pacing import unless
from delinkcious.messaging.processing import Processor
from delinkcious.messaging.pull import Pull

_EXTENSIONS: Final = 3
_UNREADABLE: Final = ""


class Session:
    """Consumes over a connection until it is lost or the process stops."""

    def __init__(
        self,
        connection: Connection,
        processor: Processor,
        *,
        stream: str,
        consumer: str,
        batch: int,
        concurrency: int,
        ack_wait: float,
        grace_period: float,
    ) -> None:
        self.received = False
        self._connection = connection
        self._processor = processor
        self._consumer = consumer
        self._batch = batch
        self._ack_wait = ack_wait
        self._grace_period = grace_period
        self._pull = Pull(connection, stream, consumer, self._receive)
        self._lanes = Lanes(concurrency)
        self._held: set[Delivery] = set()
        self._room = asyncio.Event()
        self._ending = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Consumes until stopped, then finishes what it holds or hands it back.

        Raises:
            nats.errors.Error: the connection or the consumer is lost.
        """
        keeper = asyncio.create_task(self._keep_alive())
        try:
            await self._pull.open()
            await unless(stop, self._connection.attempt(self._consume()))
        finally:
            await self._wind_down()
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    async def _consume(self) -> None:
        while True:
            await self._wait_for_room()
            await self._pull.request(self._batch - len(self._held))

    async def _wait_for_room(self) -> None:
        """Returns when half of what we may hold is free, so that requests are few."""
        while len(self._held) > self._batch // 2:
            self._room.clear()
            await self._room.wait()

    def _receive(self, message: Msg) -> None:
        self.received = True
        delivery = Delivery(message)
        self._held.add(delivery)
        if delivery.count > 1:
            metrics.REDELIVERED.labels(self._consumer).inc()
        try:
            event = Event.decode(delivery.subject, message.headers or {}, message.data)
        except MalformedEvent as error:
            self._lanes.add(_UNREADABLE, partial(self._bury, delivery, error))
        else:
            self._lanes.add(event.key, partial(self._process, delivery, event))

    async def _process(self, delivery: Delivery, event: Event) -> None:
        jetstream = self._connection.jetstream
        if await self._processor.process(jetstream, delivery, event, self._ending):
            self._release(delivery)
        else:
            self._lanes.drop()  # what comes after it must not overtake it

    async def _bury(self, delivery: Delivery, error: MalformedEvent) -> None:
        await self._processor.bury(
            self._connection.jetstream, delivery, "malformed", f"MalformedEvent: {error}"
        )
        self._release(delivery)

    def _release(self, delivery: Delivery) -> None:
        self._held.discard(delivery)
        self._room.set()

    async def _keep_alive(self) -> None:
        """Asks for more time for what is held long, waiting or under way."""
        interval = self._ack_wait / _EXTENSIONS
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(interval)
            for delivery in list(self._held):
                if loop.time() - delivery.received > interval / 2:
                    await delivery.extend()

    async def _wind_down(self) -> None:
        """Takes no more, finishes what it holds in the time that it has, hands back the rest."""
        self._ending.set()
        await self._pull.close()
        if self._connection.lost.is_set():
            self._lanes.drop()  # others get these; what has begun had better end
        await self._lanes.finish(self._grace_period)
        for delivery in self._held:
            await delivery.hand_back()
            metrics.CONSUMED.labels(self._consumer, "handed_back").inc()
