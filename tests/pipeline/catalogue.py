"""The catalogue of events, docs/asyncapi.yaml, as the tests need it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from jsonschema import Draft7Validator

ROOT: Final = Path(__file__).parents[2]
DOCUMENT: Final = ROOT / "docs" / "asyncapi.yaml"
ASYNCAPI_SCHEMA: Final = Path(__file__).with_name("asyncapi-3.0.0.json")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """What a service does with the events of a subject; ``consumer`` only if it receives them with
    a durable one.
    """

    action: str
    subject: str
    service: str
    consumer: str | None
    best_effort: bool


@cache
def document() -> Json:
    """Returns the document as it is written."""
    return dict(yaml.safe_load(DOCUMENT.read_text(encoding="utf-8")))


def mistakes_of_document() -> list[str]:
    """Returns what AsyncAPI's own schema says against the document."""
    schema = json.loads(ASYNCAPI_SCHEMA.read_text(encoding="utf-8"))
    return [f"{e.json_path}: {e.message}" for e in Draft7Validator(schema).iter_errors(document())]


@cache
def messages() -> Mapping[str, Json]:
    """Returns by subject what there is to keep to: stream, key, and the schemas, all resolved."""
    found = {}
    for channel in document()["channels"].values():
        [message] = (_resolved(each) for each in channel["messages"].values())
        merged: Json = {}
        for part in (*message.pop("traits", ()), message):  # the message goes before its traits
            merged = _merged(merged, part)
        found[channel["address"]] = {
            "stream": channel["x-stream"],
            "key": merged["x-key"],
            "headers": merged["headers"],
            "payload": merged["payload"],
        }
    return found


@cache
def operations() -> frozenset[Operation]:
    """Returns what every service does."""
    return frozenset(
        Operation(
            each["action"],
            _resolved(each["channel"])["address"],
            each["x-service"],
            each.get("x-consumer"),
            each.get("x-best-effort", False),
        )
        for each in document()["operations"].values()
    )


def mistakes(subject: str, headers: Mapping[str, str], payload: Any) -> list[str]:
    """Returns what is wrong with an event, and what of its data is not in the catalogue."""
    if subject not in messages():
        return [f"{subject} is not in the catalogue"]
    message = messages()[subject]
    errors = [
        *Draft7Validator(message["headers"]).iter_errors(dict(headers)),
        *Draft7Validator(_closed(message["payload"])).iter_errors(payload),
    ]
    return [f"{subject}: {error.json_path}: {error.message}" for error in errors]


def _resolved(node: Any) -> Any:
    """Returns a part of the document with what it refers to in place."""
    if isinstance(node, dict):
        if "$ref" in node:
            return _resolved(_at(node["$ref"]))
        return {name: _resolved(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_resolved(each) for each in node]
    return node


def _at(reference: str) -> Any:
    node: Any = document()
    for name in reference.removeprefix("#/").split("/"):
        node = node[name]
    return node


def _merged(base: Any, patch: Any) -> Any:
    """Returns the JSON Merge Patch (RFC 7396) of two parts, as traits are merged."""
    if not isinstance(base, dict) or not isinstance(patch, dict):
        return patch
    return {**base, **{name: _merged(base.get(name), value) for name, value in patch.items()}}


def _closed(schema: Any) -> Any:
    """Returns the schema without room for fields that it does not name.

    Consumers ignore them, but a publisher has none that nobody knows of.
    """
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    return {**closed, "additionalProperties": False} if "properties" in schema else closed
