"""One delivery of one message to one consumer, and the answers that JetStream understands.

An answer that does not reach the broker is no error: the broker delivers the message again.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Final

import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from delinkcious.messaging.streams import is_replay

logger = structlog.get_logger()

REPLAYED_SUBJECT: Final = "replayed-subject"
"""The header that tells what a message that is delivered again was first published under."""


@dataclass(eq=False, slots=True)
class Delivery:
    """A message that this process holds until it answers."""

    message: Msg
    received: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    @property
    def subject(self) -> str:
        """What the message was published under, also if this is a replay of it."""
        subject = self.message.subject
        if not is_replay(subject):
            return subject
        return (self.message.headers or {}).get(REPLAYED_SUBJECT, subject)

    @property
    def count(self) -> int:
        """How often the message has been delivered to this consumer, this time included."""
        return self.message.metadata.num_delivered

    @property
    def stream(self) -> str:
        """The stream that holds the message."""
        return self.message.metadata.stream

    @property
    def sequence(self) -> int:
        """The message's place in the stream."""
        return self.message.metadata.sequence.stream

    async def acknowledge(self) -> None:
        """Says that the message has had its effect."""
        await _answer(self.message.ack())

    async def retry(self, delay: float) -> None:
        """Asks for the message again, in so many seconds."""
        await _answer(self.message.nak(delay))

    async def hand_back(self) -> None:
        """Lets another process have the message at once."""
        await _answer(self.message.nak())

    async def extend(self) -> None:
        """Says that the message is still being worked on."""
        await _answer(self.message.in_progress())

    async def terminate(self) -> None:
        """Says that the message must never be delivered again."""
        await _answer(self.message.term())


async def _answer(answer: Awaitable[None]) -> None:
    try:
        await answer
    except NatsError as error:
        logger.debug("answer_not_sent", error=repr(error))
