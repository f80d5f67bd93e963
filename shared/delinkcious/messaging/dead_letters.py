"""Where the events go that a consumer gives up on: the stream DEAD_LETTERS, never nowhere.

A dead letter is the original message, payload and headers, under ``dead.<consumer>``, with the
headers below. Listing and replaying them is left to the command that reads that stream.
"""

from typing import Final

from nats.js import JetStreamContext

from delinkcious.messaging.delivery import Delivery
from delinkcious.messaging.streams import DEAD_LETTERS

CONSUMER: Final = "dead-consumer"
REASON: Final = "dead-reason"
SUBJECT: Final = "dead-subject"
STREAM: Final = "dead-stream"
SEQUENCE: Final = "dead-sequence"
DELIVERIES: Final = "dead-deliveries"

_MAX_REASON: Final = 500


def subject_of(consumer: str) -> str:
    """Returns the subject of a consumer's dead letters."""
    return f"{DEAD_LETTERS.domain}.{consumer}"


async def bury(jetstream: JetStreamContext, consumer: str, delivery: Delivery, reason: str) -> None:
    """Stores the message as a dead letter; done when the broker has acknowledged it.

    Raises:
        nats.errors.Error: it is not stored.
    """
    await jetstream.publish(
        subject_of(consumer),
        delivery.message.data,
        headers={
            **_original(delivery.message.headers or {}),
            # Repeated after a lost answer, the broker recognises it; other consumers' stay apart.
            "Nats-Msg-Id": f"{consumer}:{delivery.stream}:{delivery.sequence}",
            CONSUMER: consumer,
            REASON: " ".join(reason.split())[:_MAX_REASON],
            SUBJECT: delivery.message.subject,
            STREAM: delivery.stream,
            SEQUENCE: str(delivery.sequence),
            DELIVERIES: str(delivery.count),
        },
    )


def _original(headers: dict[str, str]) -> dict[str, str]:
    """Returns the headers but for those that tell the broker what to do with a message."""
    return {name: value for name, value in headers.items() if not name.lower().startswith("nats-")}
