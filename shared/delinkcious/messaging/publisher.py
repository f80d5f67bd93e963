"""Publishing events so that none is lost: done when the broker has acknowledged every one.

Where events come from is left to others; most come from an outbox (`delinkcious.outbox.Relay`).
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from nats.js import JetStreamContext
from nats.js.api import PubAck
from nats.js.errors import NoStreamResponseError

from delinkcious import tracing
from delinkcious.errors import Unavailable
from delinkcious.messaging.broker import CONNECTION_ERRORS, Broker, Connection
from delinkcious.messaging.event import Event
from delinkcious.messaging.metrics import NOT_PUBLISHED, PUBLISHED
from delinkcious.messaging.pacing import unless
from delinkcious.tracing import SpanKind

_Acks = dict[str, asyncio.Future[PubAck]]

_CHUNK: Final = 1000
_NAMED: Final = 3


class NotAcknowledged(Unavailable):
    """The broker did not take these events, or did not say so; publishing them again is safe."""

    def __init__(self, events: Sequence[Event]) -> None:
        named = ", ".join(f"{event.type} {event.id}" for event in events[:_NAMED])
        more = f" and {len(events) - _NAMED} more" if len(events) > _NAMED else ""
        super().__init__(f"Not acknowledged by the event broker: {named}{more}.")
        self.events = tuple(events)


class EventPublisher(Protocol):
    """Whoever publishes events: the real one, or a double."""

    async def publish(self, events: Sequence[Event]) -> None:
        """Publishes the events in their order and returns when all are safe.

        Raises:
            NotAcknowledged: some are not; the error names them.
        """


class Publisher:
    """Publishes to a broker, many events in one go."""

    def __init__(self, broker: Broker, *, timeout: float = 5) -> None:
        """Takes the broker, and how many seconds it may take to acknowledge a thousand events."""
        self._broker = broker
        self._timeout = timeout

    async def publish(self, events: Sequence[Event]) -> None:
        """Publishes the events in their order and returns when the broker has acknowledged all.

        An event without a context of its own gets the current one. The broker drops an event whose
        id it has seen within `streams.DUPLICATE_WINDOW`.

        Raises:
            NotAcknowledged: some were not acknowledged; the error names them.
            ValueError: the data of one is too large, or not JSON.
        """
        for start in range(0, len(events), _CHUNK):
            missing = await self._publish_chunk(events[start : start + _CHUNK])
            if missing:
                raise NotAcknowledged([*missing, *events[start + _CHUNK :]])

    async def _publish_chunk(self, events: Sequence[Event]) -> list[Event]:
        """Returns those that were not acknowledged."""
        messages = [_Message.of(event) for event in events]
        acknowledged: set[str] = set()
        try:
            acknowledged = await self._deliver(self._broker.connection(), messages)
        except (Unavailable, *CONNECTION_ERRORS):
            pass  # the caller learns which events it concerns, the broker's log says why
        _count(events, acknowledged)
        return [event for event in events if event.id not in acknowledged]

    async def _deliver(self, connection: Connection, messages: Sequence["_Message"]) -> set[str]:
        """Returns the ids that were acknowledged."""
        acks: _Acks = {}
        with suppress(*CONNECTION_ERRORS):  # what was sent before may still be acknowledged
            await connection.attempt(_send(connection.jetstream, messages, acks))
        await self._settle(connection, acks.values())
        if any(_has_no_stream(ack) for ack in acks.values()):
            await connection.attempt(connection.ensure_streams())
        return {identity for identity, ack in acks.items() if _succeeded(ack)}

    async def _settle(
        self, connection: Connection, acks: Collection[asyncio.Future[PubAck]]
    ) -> None:
        """Waits for the acknowledgements, as long as they can come."""
        if not acks:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timeout):
                await unless(connection.lost, asyncio.wait(acks))
        for ack in acks:
            ack.cancel()


@dataclass(frozen=True, slots=True)
class _Message:
    id: str
    subject: str
    payload: bytes
    headers: dict[str, str]

    @classmethod
    def of(cls, event: Event) -> "_Message":
        attributes = {
            "messaging.system": "nats",
            "messaging.operation.type": "send",
            "messaging.destination.name": event.type,
            "messaging.message.id": event.id,
        }
        parent = tracing.extract(event.context) if event.context else None
        with tracing.span(
            f"send {event.type}", kind=SpanKind.PRODUCER, context=parent, attributes=attributes
        ):
            headers = {**event.headers(), **tracing.inject()}
        return cls(event.id, event.type, event.payload(), headers)


async def _send(jetstream: JetStreamContext, messages: Sequence[_Message], acks: _Acks) -> None:
    """Sends the messages, and notes by id where each will be acknowledged."""
    for message in messages:
        acks[message.id] = await jetstream.publish_async(
            message.subject, message.payload, headers=message.headers
        )


def _succeeded(ack: asyncio.Future[PubAck]) -> bool:
    return ack.done() and not ack.cancelled() and ack.exception() is None


def _has_no_stream(ack: asyncio.Future[PubAck]) -> bool:
    failed = ack.done() and not ack.cancelled()
    return failed and isinstance(ack.exception(), NoStreamResponseError)


def _count(events: Sequence[Event], acknowledged: set[str]) -> None:
    safe = Counter(event.type for event in events if event.id in acknowledged)
    for type_, number in Counter(event.type for event in events).items():
        PUBLISHED.labels(type_).inc(safe[type_])
        NOT_PUBLISHED.labels(type_).inc(number - safe[type_])  # from zero on
