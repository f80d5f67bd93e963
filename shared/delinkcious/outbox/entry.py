"""Writing events into the outbox, in the transaction of the change that they tell of.

It is on the path of every request that changes something: one statement, however many events.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString

import orjson
import psycopg

from delinkcious import tracing
from delinkcious.messaging.event import dump
from delinkcious.messaging.streams import stream_of


@dataclass(frozen=True, slots=True)
class Entry:
    """An event to be published once the transaction is committed.

    The database gives it its id and its time, the relay its source.

    Raises:
        ValueError: no stream holds the subject.
    """

    subject: str
    key: str
    data: Mapping[str, Any]

    def __post_init__(self) -> None:
        """Refuses now what the relay could never publish."""
        stream_of(self.subject)
        if not self.key:
            raise ValueError(f"an event {self.subject!r} without a key")


_APPEND: Final = """
INSERT INTO outbox (subject, key, data, context)
SELECT subject, key, data, %s::jsonb
FROM unnest(%s::text[], %s::text[], %s::jsonb[]) WITH ORDINALITY
    AS entry (subject, key, data, place)
ORDER BY place
"""

Parameters = tuple[str, list[str], list[str], list[str]]


def statement(entries: Sequence[Entry]) -> tuple[LiteralString, Parameters]:
    """Returns the statement that appends the events, for pipelines and asyncio connections.

    Raises:
        ValueError: the data of one is too large, or not JSON.
    """
    return _APPEND, (
        orjson.dumps(tracing.inject()).decode(),
        [entry.subject for entry in entries],
        [entry.key for entry in entries],
        [dump(entry.data).decode() for entry in entries],
    )


def append(connection: "psycopg.Connection[Any]", entries: Sequence[Entry]) -> None:
    """Appends the events, in their order, to the outbox in the caller's transaction.

    In a pipeline it costs no round trip of its own.

    Raises:
        ValueError: the data of one is too large, or not JSON.
    """
    if entries:
        connection.execute(*statement(entries))
