"""The OpenAPI document in the words of the documentation page."""

import json
import shlex
from collections.abc import Container, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from delinkcious.http.openapi import operations

Node = dict[str, Any]

_REF: Final = "#/components/schemas/"
_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_FORM_WITH_FILE: Final = "multipart/form-data"
_FILE_FIELD: Final = "file"
_FORMATS: Final = {"date-time": "time", "binary": "file"}
_WORDS: Final = {"string": "text", "integer": "whole number", "boolean": "true or false"}


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter of a call, or a field of its body."""

    name: str
    kind: str
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One of the answers of a call."""

    status: str
    phrase: str
    description: str
    example: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call. ``encodings`` says how the fields of ``body`` may be sent."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    access: str
    parameters: list[Field]
    body: list[Field]
    encodings: str
    answers: list[Answer]
    curl: str


@dataclass(frozen=True, slots=True)
class Section:
    """The calls about one thing."""

    name: str
    description: str
    calls: list[Call]


def sections_of(document: Node) -> list[Section]:
    """Returns the calls of a document, by what they are about."""
    calls = [
        (operation["tags"][0], _call(document, path, method, operation))
        for path, method, operation in operations(document)
    ]
    return [
        Section(
            tag["name"], tag["description"], [call for name, call in calls if name == tag["name"]]
        )
        for tag in document["tags"]
    ]


def _call(document: Node, path: str, method: str, operation: Node) -> Call:
    body = _body(document, operation)
    sent_as = operation.get("requestBody", {}).get("content", ())
    places = {"path"} if _FORM in sent_as else {"path", "query"}
    return Call(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        description=operation.get("description", ""),
        access=_access(operation["security"]),
        parameters=[
            Field(
                given["name"],
                _kind(document, given["schema"]),
                given["required"],
                given.get("description") or given["schema"].get("description", ""),
            )
            for given in operation["parameters"]
            if given["in"] in places
        ],
        body=list(_fields(document, body)),
        encodings=_encodings(sent_as),
        answers=[
            _answer(document, status, answer) for status, answer in operation["responses"].items()
        ],
        curl=_curl(path, method, operation, body),
    )


def _encodings(sent_as: Container[str]) -> str:
    if _FORM_WITH_FILE in sent_as:
        return "a form, or only the file itself"
    return "JSON, a form, or the same as query parameters" if _FORM in sent_as else "JSON"


def _body(document: Node, operation: Node) -> Node:
    if "requestBody" not in operation:
        return {}
    content = operation["requestBody"]["content"]
    sent = content[_FORM_WITH_FILE if _FORM_WITH_FILE in content else _JSON]
    return _resolved(document, sent["schema"])


def _resolved(document: Node, schema: Node) -> Node:
    if "$ref" in schema:
        found: Node = document["components"]["schemas"][schema["$ref"].removeprefix(_REF)]
        return found
    return schema


def _access(security: list[Node]) -> str:
    if not security:
        return "Anybody may call this."
    *_, last = security
    scopes = ", ".join(f"`{scope}`" for scope in security[0]["bearer"])
    limited = f" A token that is limited to scopes needs {scopes}." if scopes else ""
    if "session" not in last:
        return f"With a token.{limited}"
    proof = ", with proof of where it comes from" if len(last) > 1 else ""
    return f"With a token, or the session cookie of a browser{proof}.{limited}"


def _fields(document: Node, model: Node) -> Iterator[Field]:
    for name, schema in model.get("properties", {}).items():
        yield Field(
            name,
            _kind(document, schema),
            name in model.get("required", ()),
            schema.get("description") or _described(document, schema),
        )


def _described(document: Node, schema: Node) -> str:
    """Returns what is said of one of several choices, which then holds for the field."""
    said = (_resolved(document, choice).get("description") for choice in schema.get("anyOf", ()))
    return next((text for text in said if text), "")


def _kind(document: Node, schema: Node) -> str:
    schema = _resolved(document, schema)
    if "enum" in schema:
        words = "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    elif "anyOf" in schema:
        choices = [choice for choice in schema["anyOf"] if choice != {"type": "null"}]
        words = " or ".join(_kind(document, choice) for choice in choices)
    elif schema.get("type") == "array":
        words = f"list of {_kind(document, schema['items'])}"
    else:
        words = _FORMATS.get(schema.get("format", "")) or _WORDS[schema["type"]]
    default = schema.get("default")
    limits = [*_limits(schema), *([f"by default {json.dumps(default)}"] if default else [])]
    return ", ".join([words, *limits])


def _limits(schema: Node) -> Iterator[str]:
    if "maxLength" in schema:
        yield f"at most {schema['maxLength']:,} characters"
    if "maxItems" in schema:
        yield f"at most {schema['maxItems']}"
    if schema.get("maximum", 10**9) < 10**9:
        yield f"{schema['minimum']} to {schema['maximum']:,}"


def _answer(document: Node, status: str, answer: Node) -> Answer:
    content = answer.get("content", {}).get(_JSON)
    example = _resolved(document, content["schema"])["examples"][0] if content else None
    return Answer(
        status,
        HTTPStatus(int(status)).phrase,
        answer["description"],
        json.dumps(example, indent=2, ensure_ascii=False) if content else "",
    )


def _curl(path: str, method: str, operation: Node, body: Node) -> str:
    for given in operation["parameters"]:
        if given["in"] == "path":
            path = path.replace(f"{{{given['name']}}}", _example(given))
    words = [f'curl -X {method.upper()} "$URL{path}"' if method != "get" else f'curl "$URL{path}"']
    if "302" in operation["responses"]:
        words.append(f"-sL -c jar -H 'Accept: {_JSON}'")
    if operation["security"]:
        words.append('-H "Authorization: Bearer $TOKEN"')
    if _FILE_FIELD in body.get("properties", ()):
        words.append(f"-F {_FILE_FIELD}=@links.html")
    elif body:
        words.append(f"-H 'Content-Type: {_JSON}'")
        words.append(f"-d {shlex.quote(json.dumps(body['examples'][0]))}")
    elif query := [given for given in operation["parameters"] if _shown(given)]:
        words.append("-G")
        words += [f"--data-urlencode {given['name']}={_example(given)}" for given in query]
    return " \\\n  ".join(words)


def _shown(parameter: Node) -> bool:
    return bool(parameter["in"] == "query" and parameter["required"])


def _example(parameter: Node) -> str:
    return str(parameter["schema"]["examples"][0])
