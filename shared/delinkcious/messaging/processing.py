"""What happens to one delivery: handled and acknowledged, tried again later, or given up on.

A handler that raises `Unavailable` says that something it needs is missing and the event is not to
blame: the event stays here and is tried again for as long as it takes, which also slows the
consumer down. One that raises `MalformedEvent` gives up on the event. Any other error counts
against it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import count
from typing import Final

import structlog
from nats.js import JetStreamContext

from delinkcious import tracing
from delinkcious.errors import Unavailable
from delinkcious.messaging import dead_letters, metrics
from delinkcious.messaging.broker import CONNECTION_ERRORS
from delinkcious.messaging.delivery import Delivery
from delinkcious.messaging.event import Event, MalformedEvent
from delinkcious.messaging.pacing import Backoff, pause
from delinkcious.tracing import SpanKind

logger = structlog.get_logger()

Handler = Callable[[Event], Awaitable[None]]
"""Returns when the effect of an event is stored; must not mind an event that it has seen before."""

_DEFERRAL: Final = Backoff(base=0.5, cap=5)
_ABANDONED_AFTER: Final = 2


class Processor:
    """Decides the outcome of every delivery of one consumer."""

    def __init__(
        self,
        consumer: str,
        handle: Handler,
        *,
        max_deliver: int,
        timeout: float,
        backoff: Backoff,
    ) -> None:
        self._consumer = consumer
        self._handle = handle
        self._max_deliver = max_deliver
        self._timeout = timeout
        self._backoff = backoff
        self._deferring = False

    async def process(
        self, jetstream: JetStreamContext, delivery: Delivery, event: Event, ending: asyncio.Event
    ) -> bool:
        """Handles the event and answers the delivery; returns whether it is answered."""
        if delivery.count > _ABANDONED_AFTER * self._max_deliver:
            # So many deliveries without an answer: it ends the process that handles it.
            await self.bury(jetstream, delivery, "abandoned", "delivered too often, never answered")
            return True
        try:
            if not await self._handle_when_available(event, ending):
                return False
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is its failure
            await self._fail(jetstream, delivery, event, error)
        else:
            await delivery.acknowledge()
            metrics.AGE.labels(self._consumer).observe(
                max(0.0, (datetime.now(UTC) - event.time).total_seconds())
            )
            self._count("handled")
        return True

    async def _handle_when_available(self, event: Event, ending: asyncio.Event) -> bool:
        """Returns whether the event was handled before the end came."""
        for attempt in count(1):
            try:
                await self._call(event)
            except Unavailable as error:
                self._defer(event, error)
                await pause(ending, _DEFERRAL.delay(attempt))
                if ending.is_set():
                    return False
            else:
                break
        self._resume()
        return True

    async def bury(
        self, jetstream: JetStreamContext, delivery: Delivery, kind: str, reason: str
    ) -> None:
        """Gives up on the message, once it is safe among the dead letters."""
        try:
            await dead_letters.bury(jetstream, self._consumer, delivery, reason)
        except CONNECTION_ERRORS as error:
            logger.warning("dead_letter_not_stored", consumer=self._consumer, error=repr(error))
            await delivery.retry(self._backoff.delay(delivery.count))
            return
        await delivery.terminate()
        metrics.DEAD_LETTERED.labels(self._consumer, delivery.subject, kind).inc()
        self._count("dead_lettered")
        logger.error(
            "event_dead_lettered",
            consumer=self._consumer,
            stream=delivery.stream,
            sequence=delivery.sequence,
            deliveries=delivery.count,
            reason=reason,
        )

    async def _call(self, event: Event) -> None:
        attributes = {
            "messaging.system": "nats",
            "messaging.operation.type": "process",
            "messaging.destination.name": event.type,
            "messaging.message.id": event.id,
            "messaging.consumer.group.name": self._consumer,
        }
        with (
            metrics.HANDLING.labels(self._consumer).time(),
            tracing.span(
                f"process {event.type}",
                kind=SpanKind.CONSUMER,
                context=tracing.extract(event.context),
                attributes=attributes,
            ),
        ):
            async with asyncio.timeout(self._timeout):
                await self._handle(event)

    def _defer(self, event: Event, error: Unavailable) -> None:
        """Logs it once, however many events then wait."""
        self._count("deferred")
        if not self._deferring:
            self._deferring = True
            logger.warning(
                "consumer_deferring", consumer=self._consumer, type=event.type, reason=error.detail
            )

    def _resume(self) -> None:
        if self._deferring:
            self._deferring = False
            logger.info("consumer_resumed", consumer=self._consumer)

    async def _fail(
        self, jetstream: JetStreamContext, delivery: Delivery, event: Event, error: Exception
    ) -> None:
        reason = f"{type(error).__name__}: {error}"
        malformed = isinstance(error, MalformedEvent)
        if malformed or delivery.count >= self._max_deliver:
            await self.bury(jetstream, delivery, "malformed" if malformed else "failed", reason)
            return
        logger.warning(
            "event_failed",
            consumer=self._consumer,
            type=event.type,
            id=event.id,
            deliveries=delivery.count,
            exc_info=error,
        )
        await delivery.retry(self._backoff.delay(delivery.count))
        self._count("failed")

    def _count(self, outcome: str) -> None:
        metrics.CONSUMED.labels(self._consumer, outcome).inc()
