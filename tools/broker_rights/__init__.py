"""What each service may publish to NATS, and hear of it: written from the catalogue of events.

`docker/nats-permissions.conf` is written from `docs/asyncapi.yaml`, which says who sends and who
receives what. The local stack and the containers both give their brokers that one file.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from delinkcious.messaging.broker import inbox_of
from delinkcious.messaging.dead_letters import subject_of
from delinkcious.messaging.streams import DEAD_LETTERS, STREAMS, kept_by, stream_of

_ROOT: Final = Path(__file__).parents[2]
CATALOGUE: Final = _ROOT / "docs" / "asyncapi.yaml"
FILE: Final = _ROOT / "docker" / "nats-permissions.conf"

_API: Final = "$JS.API"
_HEAD: Final = """\
# Written by `python -m tools.broker_rights` from docs/asyncapi.yaml; a test fails when it is out
# of date. What each service may publish and subscribe to, under the name that it enters with.
"""


@dataclass(frozen=True, slots=True)
class Rights:
    """The subjects that a service may use, some with NATS's wildcards. No others."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def services() -> list[str]:
    """Returns the services that enter the broker."""
    return sorted({each["x-service"] for each in _operations()})


def rights_of(service: str) -> Rights:
    """Returns what a service may do."""
    mine = [each for each in _operations() if each["x-service"] == service]
    sent = [each["subject"] for each in mine if each["action"] == "send"]
    received = [each for each in mine if each["action"] == "receive"]
    consumers = {
        (each["x-consumer"], stream_of(each["subject"]).name)
        for each in received
        if "x-consumer" in each
    }
    heard = [each["subject"] for each in received if "x-consumer" not in each]
    publish = [*sent, *_of_streams(service)]
    for consumer, stream in consumers:
        publish += _of_a_consumer(consumer, stream)
    return Rights(tuple(sorted(set(publish))), (f"{inbox_of(service)}.>", *sorted(heard)))


def text() -> str:
    """Returns what the file has to be."""
    return _HEAD + "".join(_lines())


@cache
def _operations() -> tuple[dict[str, Any], ...]:
    """Returns the operations of the catalogue, each with its subject."""
    document = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
    subjects = {f"#/channels/{name}": it["address"] for name, it in document["channels"].items()}
    return tuple(
        {**each, "subject": subjects[each["channel"]["$ref"]]}
        for each in document["operations"].values()
    )


def _of_streams(service: str) -> Iterator[str]:
    for stream in STREAMS:
        yield f"{_API}.STREAM.INFO.{stream.name}"
        yield f"{_API}.STREAM.CREATE.{stream.name}"
    for stream in kept_by(service):
        yield f"{_API}.STREAM.UPDATE.{stream.name}"


def _of_a_consumer(consumer: str, stream: str) -> Iterator[str]:
    for call in ("CREATE", "INFO", "MSG.NEXT"):
        yield f"{_API}.CONSUMER.{call}.{stream}.{consumer}"
    yield f"$JS.ACK.{stream}.{consumer}.>"
    yield f"$JS.ACK.*.*.{stream}.{consumer}.>"  # as newer brokers say it: domain, account
    yield subject_of(consumer, ">")
    # What operators do with dead letters, they do as the service that gave up on them.
    yield next(each for each in STREAMS if each.name == stream).replay_subject(consumer)
    yield f"{_API}.STREAM.MSG.GET.{DEAD_LETTERS.name}"
    yield f"{_API}.STREAM.MSG.DELETE.{DEAD_LETTERS.name}"


def _lines() -> Iterator[str]:
    for service in services():
        rights = rights_of(service)
        yield f"\n{service}: {{\n"
        yield f"  publish: {_listed(rights.publish)}\n"
        yield f"  subscribe: {_listed(rights.subscribe)}\n"
        yield "}\n"


def _listed(subjects: tuple[str, ...]) -> str:
    return "[\n" + "".join(f"    {json.dumps(subject)}\n" for subject in subjects) + "  ]"
