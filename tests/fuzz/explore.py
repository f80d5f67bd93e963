"""Has Schemathesis try an API with all its checks, and collects what it finds.

The requests that it makes up are of two kinds: as the document says, and against it. The former may
not be refused for their form, the latter may not be accepted. Two kinds of findings are none, and
`_is_a_fault` tells them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.transport import Response
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.generation.case import Case
from schemathesis.hooks import HookContext
from schemathesis.openapi.checks import RejectedPositiveData
from schemathesis.schemas import BaseSchema
from schemathesis.transport.wsgi import WSGI_TRANSPORT, WSGITransport

from tests.fuzz import formats
from tests.fuzz.apis import Api, Headers

_OWN_FORMATS: Final = {"http-url", "tag", "search-query", "posix-regex", "page-token"}
_TOLD_IN_WORDS: Final = {
    ("DELETE /v1/me", "username"): "must be one's own, to confirm the deletion",
    ("POST /v1/following", "username"): "must not be one's own",
    ("POST /follow", "followed"): "must not be who follows",
    ("POST /v1/tokens", "expires_at"): "must be in the future",
    ("POST /tokens", "expires_at"): "must be in the future",
    ("POST /v1/tokens", "name"): "must have something to be seen in it",
    ("POST /tokens", "name"): "must have something to be seen in it",
    ("PUT /tags", "name"): "is what the caller's caller calls new_name",
    ("POST /v1/imports", "file"): "must be in one of the formats",
    ("POST /v1/imports", "body"): "must not be empty",
    ("POST /imports", "body"): "must not be empty",
    ("POST /imports", "file"): "must be in one of the formats",
}
"""What no document can say of a field."""

_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500
_FORM: Final = "application/x-www-form-urlencoded"
_SECONDS_OF_A_STREAM: Final = 1


@dataclass
class Report:
    """What came of it.

    Attributes:
        faults: one text for each kind of fault, with a command that repeats it.
        answers: how many answers had which status.
        accepted: the calls that were answered well at least once.
    """

    faults: list[str] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    accepted: set[str] = field(default_factory=set)

    @property
    def server_errors(self) -> int:
        """How many answers said that it was our fault."""
        return sum(number for status, number in self.answers.items() if status >= _SERVER_ERROR)


def explore(api: Api, *, examples: int, seed: int) -> Report:
    """Tries every operation, at least so many times each with requests of chance."""
    formats.register()
    schema = _schema(api, examples, seed)
    report, seen = Report(), set[tuple[object, ...]]()
    for event in from_schema(schema).execute():
        match event:
            case events.ScenarioFinished(recorder=recorder):
                answers = _answers(recorder)
                report.answers += answers
                if any(status < _CLIENT_ERROR for status in answers):
                    report.accepted.add(recorder.label)
                for kind, fault in _faults(recorder):
                    if kind not in seen:
                        seen.add(kind)
                        report.faults.append(fault)
            case events.NonFatalError(info=info, label=label):
                report.faults.append(f"{label}: {info.format()}")
            case events.FatalError(exception=exception):
                raise exception
    return report


def _schema(api: Api, examples: int, seed: int) -> BaseSchema:
    schema = schemathesis.openapi.from_dict(document_of(api), config=_config(examples, seed))
    schema.app = api.app
    _sign_with(schema, api)
    schema.hook(filter_failure)
    return schema


def document_of(api: Api) -> dict[str, Any]:
    """The OpenAPI document of an API."""
    document: Any = api.app.spec
    return dict(document)


def _config(examples: int, seed: int) -> SchemathesisConfig:
    return SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "continue-on-failure": True,
            "request-timeout": _SECONDS_OF_A_STREAM,
            "max-stream-events": 1,
            "generation": {"max-examples": examples, "deterministic": True, "database": "none"},
            "phases": {"stateful": {"enabled": False}},
        }
    )


def _sign_with(schema: BaseSchema, api: Api) -> None:
    @schema.auth(refresh_interval=None)
    class Signature:
        def get(self, case: Case[Any], context: object) -> Headers:
            return api.sign(case.operation.label)

        def set(self, case: Case[Any], data: Headers, context: object) -> None:
            case.headers.update(data)


def filter_failure(
    context: HookContext, failure: Failure, case: Case[Any], response: Response
) -> bool:
    """Tells whether a finding is a fault of ours; Schemathesis knows it by this name."""
    if isinstance(failure, RejectedPositiveData) and response.status_code == 400:
        return not _named(response) <= _beyond_the_document(case)
    if isinstance(failure, AcceptedNegativeData):
        return not (_is_one_of_a_list(case) or _is_any_file(case))
    return True


def _named(response: Response) -> set[str]:
    """The fields that a problem document names; one that names none may be about any."""
    errors = response.json().get("errors", [{"field": ""}])
    return {str(error["field"]).partition(".")[0] for error in errors}


def _beyond_the_document(case: Case[Any]) -> set[str]:
    """The fields of which the document cannot say all that holds for them."""
    document, operation = case.operation.schema.raw_schema, case.operation.definition.raw
    named = [(p["name"], p["schema"]) for p in operation.get("parameters", ())]
    for content in operation.get("requestBody", {"content": {}})["content"].values():
        named += _resolved(document, content["schema"]).get("properties", {}).items()
    known = {field for name, field in _TOLD_IN_WORDS if name == case.operation.label}
    for name, schema in named:
        if _OWN_FORMATS & set(_formats(document, schema)):
            known.add(name)
    return known


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    found: Mapping[str, Any] = document["components"]["schemas"][name] if name else schema
    return found


def _formats(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    schema = _resolved(document, schema)
    if "format" in schema:
        yield schema["format"]
    for inner in [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())]:
        yield from _formats(document, inner)


def _is_one_of_a_list(case: Case[Any]) -> bool:
    """Whether a form has one value where there should be a list: on its way that is the same."""
    if case.media_type != _FORM or not isinstance(case.body, dict):
        return False
    schema = case.operation.get_body_for_media_type(_FORM)
    properties = schema.raw_schema.get("properties", {}) if schema else {}
    lists = [name for name, field in properties.items() if field.get("type") == "array"]
    return any(name in case.body and not isinstance(case.body[name], list) for name in lists)


def _is_any_file(case: Case[Any]) -> bool:
    """Whether no JSON is sent as such where a file is taken: the query may say what it is."""
    is_file = (case.operation.label, "body") in _TOLD_IN_WORDS
    return is_file and case.meta is not None and case.meta.is_negative_at(ParameterLocation.BODY)


def _answers(recorder: ScenarioRecorder) -> Counter[int]:
    answered = (interaction.response for interaction in recorder.interactions.values())
    return Counter(response.status_code for response in answered if response is not None)


def _faults(recorder: ScenarioRecorder) -> Iterator[tuple[tuple[object, ...], str]]:
    for case, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info.failure
                kind = (recorder.label, check.name, failure.title)
                parts = (failure, check.failure_info.code_sample, _answer(recorder, case))
                yield kind, f"{recorder.label}: " + "\n    ".join(map(str, parts))


def _answer(recorder: ScenarioRecorder, case: str) -> str:
    interaction = recorder.interactions.get(case)
    response = interaction.response if interaction else None
    return f"{response.status_code}: {response.content[:300]!r}" if response else "no answer"


def _in_process(case: Case[Any], **options: Any) -> Response:
    for name in ("max_redirects", "verify", "cert", "proxies"):
        options.pop(name, None)
    return WSGITransport.send(WSGI_TRANSPORT, case, **options)


# Requests without credentials, with which Schemathesis tries whether they are needed, come with
# settings that only networks have.
WSGI_TRANSPORT.send = _in_process  # type: ignore[method-assign]
