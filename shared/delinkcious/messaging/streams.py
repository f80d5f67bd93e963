"""The streams that hold our events, as data, and making them so in a broker.

One stream for each domain, and one for the events that a consumer gave up on. What an operator may
tune (replicas, placement, size limits) is left as it is found.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

_REPLAY: Final = "replay"


@dataclass(frozen=True, slots=True)
class Stream:
    """A JetStream stream.

    Attributes:
        domain: the first token of every subject in it.
        max_age: how long an event can be read; consumers that fall behind further lose it.
    """

    name: str
    domain: str
    description: str
    max_age: timedelta = timedelta(days=7)

    @property
    def subjects(self) -> list[str]:
        """The subjects of the stream, as wildcards: of events, and of their replays."""
        return [f"{self.domain}.>", f"{_REPLAY}.{self.domain}.>"]

    def replay_subject(self, consumer: str) -> str:
        """Returns the subject under which events come again, for one consumer and no other."""
        return f"{_REPLAY}.{self.domain}.{consumer}"


LINKS: Final = Stream("LINKS", "links", "Links and the checks of their URLs")
GRAPH: Final = Stream("GRAPH", "graph", "Who follows whom")
USERS: Final = Stream("USERS", "users", "Accounts")
DEAD_LETTERS: Final = Stream(
    "DEAD_LETTERS", "dead", "Events that a consumer gave up on", max_age=timedelta(days=30)
)
STREAMS: Final = (LINKS, GRAPH, USERS, DEAD_LETTERS)

DUPLICATE_WINDOW: Final = timedelta(minutes=5)
"""How long a broker recognises a repeated event id; far longer than a relay takes to try again."""


def stream_of(subject: str) -> Stream:
    """Returns the stream that holds a subject.

    Raises:
        ValueError: none does, so nobody could ever publish it.
    """
    domain = subject.partition(".")[0]
    for stream in STREAMS:
        if stream.domain == domain and len(subject) > len(domain) + 1:
            return stream
    raise ValueError(f"no stream holds the subject {subject!r}")


def stream_named(name: str) -> Stream:
    """Returns the stream of a name.

    Raises:
        ValueError: there is none.
    """
    for stream in STREAMS:
        if stream.name == name:
            return stream
    raise ValueError(f"no stream is named {name!r}")


async def ensure_streams(jetstream: JetStreamContext) -> None:
    """Makes every stream, or brings it up to date; safe when many processes do it at once."""
    for stream in STREAMS:
        await _ensure(jetstream, stream)


async def _ensure(jetstream: JetStreamContext, stream: Stream) -> None:
    try:
        found = (await jetstream.stream_info(stream.name)).config
    except NotFoundError:
        # A second creation with the same configuration succeeds, so a race needs no lock.
        await jetstream.add_stream(_config(_new(stream), stream))
        return
    wanted = _config(found, stream)
    if wanted != found:
        await jetstream.update_stream(wanted)


def _new(stream: Stream) -> StreamConfig:
    return StreamConfig(
        name=stream.name,
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.OLD,
    )


def _config(base: StreamConfig, stream: Stream) -> StreamConfig:
    return base.evolve(
        description=stream.description,
        subjects=stream.subjects,
        max_age=stream.max_age.total_seconds(),
        duplicate_window=DUPLICATE_WINDOW.total_seconds(),
    )
