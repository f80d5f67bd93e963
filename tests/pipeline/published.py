"""Events as the broker holds them."""

from dataclasses import dataclass
from typing import Any

import nats
import orjson
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from delinkcious.messaging.streams import DEAD_LETTERS, STREAMS
from delinkcious.testing.addresses import NatsAddress
from tests.pipeline import catalogue


@dataclass(frozen=True, slots=True)
class Published:
    """A message of a stream."""

    stream: str
    subject: str
    headers: dict[str, str]
    data: Any

    @classmethod
    def of(cls, stream: str, message: RawStreamMsg) -> "Published":
        """Reads what the broker holds."""
        return cls(
            stream, message.subject or "", message.headers or {}, orjson.loads(message.data or b"")
        )

    @property
    def source(self) -> str:
        """The service that published it."""
        return self.headers.get("ce-source", "").removeprefix("/")

    def mistakes(self) -> list[str]:
        """Returns what of it is not as the catalogue says."""
        wrong = catalogue.mistakes(self.subject, self.headers, self.data)
        if not wrong and catalogue.messages()[self.subject]["stream"] != self.stream:
            wrong.append(f"{self.subject} is in {self.stream}")
        return wrong


async def read_all(address: NatsAddress) -> list[Published]:
    """Returns every event that the broker holds: no dead letters, and no noise that tests made."""
    client = await nats.connect(address.url)
    try:
        jetstream = client.jetstream()
        return [
            Published.of(stream.name, message)
            for stream in STREAMS
            if stream is not DEAD_LETTERS
            for message in await _messages(jetstream, stream.name)
            if "ce-specversion" in (message.headers or {})
        ]
    finally:
        await client.close()


async def _messages(jetstream: JetStreamContext, stream: str) -> list[RawStreamMsg]:
    try:
        state = (await jetstream.stream_info(stream)).state
    except NotFoundError:
        return []
    found = []
    for sequence in range(state.first_seq, state.last_seq + 1 if state.messages else 0):
        try:
            found.append(await jetstream.get_msg(stream, sequence))
        except NotFoundError:
            continue  # removed meanwhile
    return found
