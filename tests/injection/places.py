"""The places of requests where something can be put: every parameter of every call.

They are read from the OpenAPI document, so that a new parameter is a new place at once. What else a
request needs to come that far has good values, of somebody who owns nothing that is looked at.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Final
from urllib.parse import quote, quote_from_bytes

import orjson

from delinkcious.http.openapi import operations
from tests.injection.corpus import Payload

_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"

HEADERS: Final = (
    "Accept",
    "Access-Token",
    "Authorization",
    "Cookie",
    "Content-Encoding",
    "Content-Type",
    "Forwarded",
    "Host",
    "If-Modified-Since",
    "If-None-Match",
    "Last-Event-ID",
    "Origin",
    "Range",
    "Referer",
    "Sec-Fetch-Site",
    "User-Agent",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-HTTP-Method-Override",
    "X-Original-URL",
    "X-Request-ID",
    "baggage",
    "traceparent",
    "tracestate",
)
"""Headers that something might read: each is tried with some call."""


@dataclass(frozen=True)
class Request:
    """A request, as it goes on its way."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True)
class Place:
    """Where in a call something can be put."""

    operation: "Operation"
    where: str
    name: str

    def __str__(self) -> str:
        return f"{self.operation} {self.where} {self.name}"

    def request(self, payload: Payload) -> Request | None:
        """The call with a payload there; None if it cannot stand there."""
        if payload.json is not ...:
            return self.operation.with_json(self.name, payload) if self.where == "json" else None
        match self.where:
            case "path":
                return self.operation.request(path={self.name: quote_from_bytes(payload.raw, "")})
            case "query":
                return self.operation.request(query={self.name: payload.raw})
            case "json":
                return self.operation.with_json(self.name, payload)
            case "form":
                return self.operation.with_form(self.name, payload)
            case "body":
                return self.operation.request(body=payload.raw)
            case "file":
                return self.operation.with_file(self.name, payload)
        return self.operation.request(headers={self.name: payload.raw.decode("latin-1")})


@dataclass(frozen=True)
class Operation:
    """A call with good values for what it needs; None for what it does not."""

    method: str
    path: str
    parameters: Mapping[tuple[str, str], Any]
    body: Mapping[str, Any]
    content: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def places(self) -> Iterator[Place]:
        """Every parameter, and every field of the body in each form that it can have."""
        for where, name in self.parameters:
            yield Place(self, where, name)
        if _JSON in self.content and self.body:
            yield from (Place(self, "json", name) for name in self.body)
            yield Place(self, "body", "as a whole")
        if _FORM in self.content:
            yield from (Place(self, "form", name) for name in self.body)
        if _MULTIPART in self.content:
            yield from (Place(self, "file", kind) for kind in self.content)

    def request(
        self,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Request:
        """The call, with something else than usual in some places."""
        address = self.path
        for (where, name), good in self.parameters.items():
            if where == "path":
                part = (path or {}).get(name, quote(str(good), safe=""))
                address = address.replace(f"{{{name}}}", part)
        wanted = {
            name: str(good).encode()
            for (where, name), good in self.parameters.items()
            if where == "query" and good is not None
        } | dict(query or {})
        given = dict(headers or {})
        if body is None and self.body:
            body = orjson.dumps(self._needed())
        if body is not None:
            given.setdefault("Content-Type", _JSON)
        return Request(self.method, address, _encoded(wanted), given, body)

    def with_json(self, name: str, payload: Payload) -> Request:
        """The call with another value in its JSON."""
        value = _in_json(payload.raw) if payload.json is ... else json.dumps(payload.json).encode()
        others = {field: good for field, good in self._needed().items() if field != name}
        begun = orjson.dumps(others)[:-1] + (b"," if others else b"")
        return self.request(body=begun + orjson.dumps(name) + b":" + value + b"}")

    def with_form(self, name: str, payload: Payload) -> Request:
        """The call with a form, in which a field has another value."""
        fields = {field: str(good).encode() for field, good in self._needed().items()}
        body = _encoded({**fields, name: payload.raw}).encode()
        return self.request(headers={"Content-Type": _FORM}, body=body)

    def with_file(self, content_type: str, payload: Payload) -> Request:
        """The call with a payload for its file, in a form or as it is."""
        if content_type != _MULTIPART:
            return self.request(headers={"Content-Type": content_type}, body=payload.raw)
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n'
        body = head % payload.raw[:1000] + payload.raw + b"\r\n--x--\r\n"
        return self.request(headers={"Content-Type": f"{_MULTIPART}; boundary=x"}, body=body)

    def _needed(self) -> dict[str, Any]:
        return {name: good for name, good in self.body.items() if good is not None}


def places(document: Mapping[str, Any], good: Mapping[str, Any]) -> list[Place]:
    """Every place of an API.

    Args:
        good: good values for what is needed, by its name, and whole bodies by the call.
    """
    found = [_operation(document, *each, good) for each in operations(dict(document))]
    reads = cycle(each for each in found if each.method == "GET" or len(found) == 1)
    headers = [
        Place(operation, "header", name) for name, operation in zip(HEADERS, reads, strict=False)
    ]
    return [place for operation in found for place in operation.places()] + headers


def _operation(
    document: Mapping[str, Any],
    path: str,
    method: str,
    operation: Mapping[str, Any],
    good: Mapping[str, Any],
) -> Operation:
    parameters = {
        (given["in"], given["name"]): good[given["name"]] if given["required"] else None
        for given in operation["parameters"]
    }
    content = operation.get("requestBody", {}).get("content", {})
    model = content.get(_JSON, {}).get("schema", {})
    if "$ref" in model:
        model = document["components"]["schemas"][model["$ref"].rpartition("/")[2]]
    needed = {name: good[name] for name in model.get("required", ())}
    needed = good.get(f"{method.upper()} {path}", needed)
    body = {name: needed.get(name) for name in model.get("properties", {})}
    return Operation(method.upper(), path, parameters, body, tuple(content))


def _in_json(raw: bytes) -> bytes:
    """The bytes as a text of JSON, also where they are no UTF-8."""
    try:
        return orjson.dumps(raw.decode())
    except UnicodeDecodeError:
        return b'"' + raw + b'"'


def _encoded(fields: Mapping[str, bytes]) -> str:
    return "&".join(f"{quote(name)}={quote_from_bytes(raw, '')}" for name, raw in fields.items())
