"""The event that crosses NATS: CloudEvents 1.0 in binary mode.

Attributes are headers (``ce-id``, ``ce-type``, …), data is a JSON object in the payload, and what
travels with a request (`tracing.inject`) stands beside them under its own names, so that any W3C
tool can read it. Which subjects there are, and what their data holds, is each service's to say.

Follows the CloudEvents NATS binding 1.0.3, with the extension attribute ``partitionkey``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, unquote
from uuid import UUID, uuid4, uuid5

import orjson

from delinkcious.errors import InvalidArgument

MAX_DATA_BYTES: Final = 512 * 1024
"""The most that an event's data may take as JSON: half of what NATS accepts by default."""

_JSON: Final = "application/json"
_PRINTABLE: Final = "".join(map(chr, range(0x21, 0x7F))).replace('"', "").replace("%", "")
_NEEDS_QUOTING: Final = re.compile(r'[^!-~]|["%]')
_OWN_HEADERS: Final = ("ce-", "nats-", "content-type", "replayed-")


class MalformedEvent(InvalidArgument):
    """A message is not an event that we can read, and never will be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, told once to whoever wants to know.

    Attributes:
        type: what happened; also the NATS subject, such as ``links.added``.
        source: who says so, such as ``/link-manager``.
        key: events of one key keep their order in the stream.
        data: what JSON can hold.
        id: a UUID; the broker and every consumer recognise a repeated event by it.
        time: when it happened, with a time zone.
        context: the headers of `tracing.inject` where it happened; empty for the current ones.
    """

    type: str
    source: str
    key: str
    data: Mapping[str, Any]
    id: str = field(default_factory=lambda: str(uuid4()))
    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    context: Mapping[str, str] = field(default_factory=dict)

    def consequence(
        self, subject: str, *, source: str, data: Mapping[str, Any], key: str | None = None
    ) -> "Event":
        """Returns an event that this one causes, of the same key unless another is given.

        Its id follows from this one's, so a handler that runs twice tells it once.
        """
        identity = str(uuid5(UUID(self.id), subject))
        return Event(type=subject, source=source, key=key or self.key, data=data, id=identity)

    def headers(self) -> dict[str, str]:
        """Returns the message's headers but for the context, which the publisher adds."""
        return {
            "Nats-Msg-Id": self.id,
            "ce-specversion": "1.0",
            "ce-id": self.id,
            "ce-type": self.type,
            "ce-source": _quoted(self.source),
            "ce-time": self.time.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "ce-partitionkey": _quoted(self.key),
            "ce-datacontenttype": _JSON,
            "content-type": _JSON,
        }

    def payload(self) -> bytes:
        """Returns the message's payload.

        Raises:
            ValueError: the data is too large, or not JSON.
        """
        return dump(self.data)

    @classmethod
    def decode(cls, subject: str, headers: Mapping[str, str], payload: bytes) -> "Event":
        """Returns the event of a message.

        Raises:
            MalformedEvent: this can never be read.
        """
        headers = {name.lower(): value for name, value in headers.items()}
        if (version := _required(headers, "ce-specversion")) != "1.0":
            raise MalformedEvent.of("ce-specversion", f"{version[:20]!r} instead of '1.0'")
        return cls(
            id=_identity(_required(headers, "ce-id")),
            type=_type(_required(headers, "ce-type"), subject),
            source=_required(headers, "ce-source"),
            time=_time(_required(headers, "ce-time")),
            key=_required(headers, "ce-partitionkey"),
            data=_data(headers, payload),
            context={k: v for k, v in headers.items() if not k.startswith(_OWN_HEADERS)},
        )


def dump(data: Mapping[str, Any]) -> bytes:
    """Returns an event's data as JSON.

    Raises:
        ValueError: it is too large, or not JSON.
    """
    try:
        encoded = orjson.dumps(data, option=orjson.OPT_UTC_Z)
    except orjson.JSONEncodeError as error:
        raise ValueError(f"an event that is not JSON: {error}") from error
    if len(encoded) > MAX_DATA_BYTES:
        raise ValueError(f"an event of {len(encoded)} bytes; at most {MAX_DATA_BYTES} are allowed")
    return encoded


def _quoted(value: str) -> str:
    """Returns a header value as the binding's section 3.1.3.2 wants it."""
    return quote(value, safe=_PRINTABLE) if _NEEDS_QUOTING.search(value) else value


def _required(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise MalformedEvent.of(name, "is missing")
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise MalformedEvent.of(name, "is not UTF-8") from None


def _identity(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError:
        raise MalformedEvent.of("ce-id", "is not a UUID") from None


def _type(value: str, subject: str) -> str:
    if value != subject:
        raise MalformedEvent.of("ce-type", f"{value[:80]!r} came under the subject {subject!r}")
    return value


def _time(value: str) -> datetime:
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        raise MalformedEvent.of("ce-time", "is not a time") from None
    if time.tzinfo is None:
        raise MalformedEvent.of("ce-time", "has no time zone")
    return time


def _data(headers: Mapping[str, str], payload: bytes) -> Mapping[str, Any]:
    kind = headers.get("ce-datacontenttype") or headers.get("content-type") or _JSON
    if kind.partition(";")[0].strip().lower() != _JSON:
        raise MalformedEvent.of("content-type", f"is not {_JSON}")
    try:
        data = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise MalformedEvent.of("data", "is not JSON") from None
    if not isinstance(data, dict):
        raise MalformedEvent.of("data", "is not a JSON object")
    return data
