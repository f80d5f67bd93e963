"""What operators do with dead letters: read them, replay them, drop them.

A replay publishes the message again for the consumer that gave up on it, and for no other, under
``replay.<domain>.<consumer>`` in the stream that it came from; only then is the dead letter
removed. Whoever dies between the two leaves the dead letter, and the next replay repeats the
message: within `streams.DUPLICATE_WINDOW` the broker drops the repetition, later the consumer knows
the event by its id, which a replay does not change.

The message comes behind all that its stream holds by then, also behind later events of its key. It
is the same as when an event fails once: a handler for which the order matters compares `Event.time`
with what it has stored.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig
from nats.js.errors import APIError, NotFoundError

from delinkcious.messaging.dead_letters import DeadLetter, subject_of
from delinkcious.messaging.delivery import REPLAYED_SUBJECT
from delinkcious.messaging.streams import DEAD_LETTERS, stream_named

_ANY: Final = "*"
_REST: Final = ">"


class NotReplayable(Exception):
    """Nobody would take the message; the text says why."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which dead letters are meant: those of which all is true that is said.

    Attributes:
        ids: numbers of dead letters, or ids of events; any if empty.
        subject: what they were published under, perhaps with NATS's wildcards.
    """

    ids: frozenset[str] = field(default_factory=frozenset)
    subject: str | None = None
    died_before: datetime | None = None
    died_after: datetime | None = None

    def __contains__(self, letter: DeadLetter) -> bool:
        """Tells whether a dead letter is meant."""
        return (
            (not self.ids or bool(self.ids & names_of(letter)))
            and (self.subject is None or matches(self.subject, letter.subject))
            and (self.died_before is None or letter.died_at < self.died_before)
            and (self.died_after is None or letter.died_at > self.died_after)
        )


class DeadLetters:
    """The dead letters of some consumers."""

    def __init__(self, jetstream: JetStreamContext, consumers: Sequence[str]) -> None:
        self._jetstream = jetstream
        self._consumers = consumers

    async def find(self, selection: Selection) -> AsyncIterator[DeadLetter]:
        """Yields the dead letters that are meant, consumer by consumer, oldest death first."""
        for consumer in self._consumers:
            async for letter in self._of(consumer):
                if letter in selection:
                    yield letter

    async def _of(self, consumer: str) -> AsyncIterator[DeadLetter]:
        number = 1
        while letter := await self._next(number, subject_of(consumer, _REST)):
            yield letter
            number = letter.number + 1

    async def _next(self, number: int, subject: str) -> DeadLetter | None:
        """Returns the first dead letter from this number on."""
        try:
            message = await self._jetstream.get_msg(
                DEAD_LETTERS.name, seq=number, subject=subject, next=True
            )
        except NotFoundError:
            return None
        return DeadLetter.of(message)

    async def numbers(self, selection: Selection) -> list[int]:
        """Returns the numbers of those that are meant, in the order in which they happened.

        In that order, and not in that of their deaths, events of one key are replayed.
        """
        found = [(each.happened_at, each.number) async for each in self.find(selection)]
        return [number for _, number in sorted(found)]

    async def get(self, number: int) -> DeadLetter | None:
        """Returns the dead letter of a number, if it is still there."""
        try:
            return DeadLetter.of(await self._jetstream.get_msg(DEAD_LETTERS.name, number))
        except NotFoundError:
            return None

    async def replay(self, letter: DeadLetter) -> None:
        """Publishes the message again for the consumer that gave up on it; then it is no longer
        a dead letter.

        Raises:
            NotReplayable: the consumer is gone, or takes no replays.
            nats.errors.Error: the broker did not acknowledge it, or not that it is removed.
        """
        subject = await self._replay_subject(letter)
        await self._jetstream.publish(
            subject,
            letter.payload,
            headers={
                **letter.headers,
                REPLAYED_SUBJECT: letter.subject,
                # Not the event's: the broker may have seen that a moment ago.
                "Nats-Msg-Id": f"replay:{letter.number}:{letter.died_at.isoformat()}",
            },
        )
        await self.drop(letter)

    async def drop(self, letter: DeadLetter) -> None:
        """Removes the dead letter for good; nothing happens if it is gone."""
        try:
            await self._jetstream.delete_msg(DEAD_LETTERS.name, letter.number)
        except APIError:  # it has no error of its own for what is not there
            if await self.get(letter.number) is not None:
                raise

    async def _replay_subject(self, letter: DeadLetter) -> str:
        try:
            subject = stream_named(letter.stream).replay_subject(letter.consumer)
            info = await self._jetstream.consumer_info(letter.stream, letter.consumer)
        except (ValueError, NotFoundError):
            raise NotReplayable(f"there is no consumer {letter.consumer}") from None
        if subject not in _filters(info.config):
            raise NotReplayable(f"{letter.consumer} takes no replays: start its worker once")
        return subject


def names_of(letter: DeadLetter) -> frozenset[str]:
    """Returns what a dead letter can be called by."""
    return frozenset({str(letter.number), letter.event_id or ""} - {""})


def matches(pattern: str, subject: str) -> bool:
    """Tells whether a subject is one of those that NATS's wildcards stand for."""
    wanted, given = pattern.split("."), subject.split(".")
    if wanted[-1] == _REST:
        wanted = wanted[:-1]
        if len(given) <= len(wanted):
            return False
        given = given[: len(wanted)]
    return len(wanted) == len(given) and all(
        token in {_ANY, found} for token, found in zip(wanted, given, strict=True)
    )


def _filters(config: ConsumerConfig) -> Sequence[str]:
    return config.filter_subjects or ([config.filter_subject] if config.filter_subject else [])
