"""The streams that hold our events, as data, and making them so in a broker.

One stream for each domain, and one for the events that a consumer gave up on. What an operator may
tune (replicas, placement, size limits) is left as it is found.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

_REPLAY: Final = "replay"  # the domain of what is published again; a part of every stream


@dataclass(frozen=True, slots=True)
class Stream:
    """A JetStream stream.

    Attributes:
        domain: the first token of every subject in it.
        keeper: the service that alone changes what the broker has; others make it if it is missing.
        append_only: whether the broker lets nobody remove single messages from it.
    """

    name: str
    domain: str
    description: str
    keeper: str
    append_only: bool = False

    @property
    def subjects(self) -> list[str]:
        """The subjects of the stream, as wildcards: of events, and of their replays."""
        return [f"{self.domain}.>", f"{_REPLAY}.{self.domain}.>"]

    def replay_subject(self, consumer: str) -> str:
        """Returns the subject under which events come again, for one consumer and no other."""
        return f"{_REPLAY}.{self.domain}.{consumer}"


LINKS: Final = Stream("LINKS", "links", "Links and the checks of their URLs", "link-manager")
GRAPH: Final = Stream("GRAPH", "graph", "Who follows whom", "social-graph-manager")
USERS: Final = Stream("USERS", "users", "Accounts", "user-manager")
AUDIT: Final = Stream(
    "AUDIT", "audit", "Who did what, when and from where", "user-manager", append_only=True
)
DEAD_LETTERS: Final = Stream(
    "DEAD_LETTERS", "dead", "Events that a consumer gave up on", "user-manager"
)
STREAMS: Final = (LINKS, GRAPH, USERS, AUDIT, DEAD_LETTERS)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long streams keep what is in them, handled or not.

    Attributes:
        events: a consumer that falls behind further loses events.
        dead_letters: whoever does not look at them in this time loses them.
    """

    events: timedelta = timedelta(days=7)
    dead_letters: timedelta = timedelta(days=30)

    def of(self, stream: Stream) -> timedelta:
        """Returns how long a stream keeps what is in it."""
        return self.dead_letters if stream is DEAD_LETTERS else self.events


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


def is_replay(subject: str) -> bool:
    """Tells whether what comes under a subject has been published before, under another."""
    return subject.startswith(f"{_REPLAY}.")


def stream_named(name: str) -> Stream:
    """Returns the stream of a name.

    Raises:
        ValueError: there is none.
    """
    for stream in STREAMS:
        if stream.name == name:
            return stream
    raise ValueError(f"no stream is named {name!r}")


def kept_by(service: str) -> tuple[Stream, ...]:
    """Returns the streams that a service keeps up to date."""
    return tuple(stream for stream in STREAMS if stream.keeper == service)


async def ensure_streams(
    jetstream: JetStreamContext, retention: Retention, kept: Collection[Stream] = STREAMS
) -> None:
    """Makes every stream that is missing, and brings those that are kept here up to date.

    Safe when many processes do it at once.
    """
    for stream in STREAMS:
        await _ensure(jetstream, stream, retention.of(stream), keep=stream in kept)


async def _ensure(
    jetstream: JetStreamContext, stream: Stream, max_age: timedelta, *, keep: bool
) -> None:
    try:
        found = (await jetstream.stream_info(stream.name)).config
    except NotFoundError:
        # A second creation with the same configuration succeeds, so a race needs no lock.
        await jetstream.add_stream(_config(_new(stream), stream, max_age))
        return
    wanted = _config(found, stream, max_age)
    if keep and wanted != found:
        await jetstream.update_stream(wanted)


def _new(stream: Stream) -> StreamConfig:
    return StreamConfig(
        name=stream.name,
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.OLD,
        deny_delete=stream.append_only,
        deny_purge=stream.append_only,
    )


def _config(base: StreamConfig, stream: Stream, max_age: timedelta) -> StreamConfig:
    return base.evolve(
        description=stream.description,
        subjects=stream.subjects,
        max_age=max_age.total_seconds(),
        duplicate_window=DUPLICATE_WINDOW.total_seconds(),
    )
