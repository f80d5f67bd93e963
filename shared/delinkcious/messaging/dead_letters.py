"""Where the events go that a consumer gives up on: the stream DEAD_LETTERS, never nowhere.

A dead letter is the original message, payload and headers, under ``dead.<consumer>.<subject>``,
with the headers below. What becomes of it is an operator's to decide: `messaging.replay`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg

from delinkcious.messaging.delivery import REPLAYED_SUBJECT, Delivery
from delinkcious.messaging.event import Event, MalformedEvent
from delinkcious.messaging.streams import DEAD_LETTERS

CONSUMER: Final = "dead-consumer"
REASON: Final = "dead-reason"
SUBJECT: Final = "dead-subject"
STREAM: Final = "dead-stream"
SEQUENCE: Final = "dead-sequence"
DELIVERIES: Final = "dead-deliveries"

_MAX_REASON: Final = 500
_NOT_OF_THE_EVENT: Final = ("nats-", "dead-", REPLAYED_SUBJECT)


def subject_of(consumer: str, subject: str) -> str:
    """Returns the subject of a consumer's dead letters; ``>`` stands for all."""
    return f"{DEAD_LETTERS.domain}.{consumer}.{subject}"


async def bury(jetstream: JetStreamContext, consumer: str, delivery: Delivery, reason: str) -> None:
    """Stores the message as a dead letter; done when the broker has acknowledged it.

    Raises:
        nats.errors.Error: it is not stored.
    """
    await jetstream.publish(
        subject_of(consumer, delivery.subject),
        delivery.message.data,
        headers={
            **original_headers(delivery.message.headers or {}),
            # Repeated after a lost answer, the broker recognises it; other consumers' stay apart.
            "Nats-Msg-Id": f"{consumer}:{delivery.stream}:{delivery.sequence}",
            CONSUMER: consumer,
            REASON: " ".join(reason.split())[:_MAX_REASON],
            SUBJECT: delivery.subject,
            STREAM: delivery.stream,
            SEQUENCE: str(delivery.sequence),
            DELIVERIES: str(delivery.count),
        },
    )


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that a consumer gave up on.

    Attributes:
        number: its place in the stream DEAD_LETTERS, by which it is told apart.
        subject: what it was published under, whoever replayed it meanwhile.
        sequence: its place in the stream that it came from.
        headers: as they were published, in which there may be anything.
        event: what can be read of it; None of what is no event.
    """

    number: int
    died_at: datetime
    consumer: str
    reason: str
    subject: str
    stream: str
    sequence: int
    deliveries: int
    headers: Mapping[str, str]
    payload: bytes
    event: Event | None

    @classmethod
    def of(cls, message: RawStreamMsg) -> Self:
        """Reads a message of the stream DEAD_LETTERS."""
        headers, payload = message.headers or {}, message.data or b""
        subject, original = headers.get(SUBJECT, ""), original_headers(headers)
        return cls(
            number=message.seq or 0,
            died_at=_time(message.time),
            consumer=headers.get(CONSUMER, ""),
            reason=headers.get(REASON, ""),
            subject=subject,
            stream=headers.get(STREAM, ""),
            sequence=int(headers.get(SEQUENCE, 0)),
            deliveries=int(headers.get(DELIVERIES, 0)),
            headers=original,
            payload=payload,
            event=_event(subject, original, payload),
        )

    @property
    def event_id(self) -> str | None:
        """The event's id, which consumers know it by."""
        return self.event.id if self.event else None

    @property
    def happened_at(self) -> datetime:
        """When the event happened; of what is no event, when it died."""
        return self.event.time if self.event else self.died_at


def original_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Returns the headers as they were published, but for those that tell the broker what to do
    with a message, and ours of deaths and replays.
    """
    return {k: v for k, v in headers.items() if not k.lower().startswith(_NOT_OF_THE_EVENT)}


def _event(subject: str, headers: Mapping[str, str], payload: bytes) -> Event | None:
    try:
        return Event.decode(subject, headers, payload)
    except MalformedEvent:
        return None


def _time(value: datetime | str | None) -> datetime:
    """Reads the broker's time, which has nanoseconds."""
    if isinstance(value, datetime):
        return value
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value)) if value else _NEVER


_NEVER: Final = datetime.fromtimestamp(0, UTC)
