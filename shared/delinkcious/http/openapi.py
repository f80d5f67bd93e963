"""Makes the OpenAPI document of a REST service complete and true.

APIFlask writes down what the views declare: parameters, bodies and good answers. Added here is what
holds for every service: problems as RFC 9457 documents, bodies that may come as query parameters,
and names fit to be read. Which problems a view has of its own, it says with `problems`.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from pydantic import BaseModel, Field

from delinkcious.errors import (
    HTTP_STATUS,
    PROBLEM_JSON,
    DelinkciousError,
    InvalidArgument,
    NotFound,
    PayloadTooLarge,
    Unavailable,
    UnsupportedMediaType,
)

F = TypeVar("F", bound=Callable[..., Any])
Node = dict[str, Any]
Answers = dict[int | str, Node]
"""What a call may answer, by status, for ``@app.doc(responses=…)``."""

_REF: Final = "#/components/schemas/"
_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_FORM_IN_PARTS: Final = "multipart/form-data"
_FILE: Final[Node] = {"type": "string", "format": "binary"}
_JSON_FILE: Final[Node] = {"type": ["object", "array"]}
"""JSON can be told from any other file, and is told as JSON."""
_METHODS: Final = ("get", "post", "put", "patch", "delete")
_ERROR: Final = "400"


class ProblemField(BaseModel):
    """One field of the request that is wrong."""

    field: str
    detail: str


class Problem(BaseModel):
    """An error, as RFC 9457 describes it."""

    type: str = Field(examples=["urn:delinkcious:problem:not-found"])
    title: str
    status: int
    detail: str
    trace_id: str = Field(description="finds the request in the logs")
    errors: list[ProblemField] = Field([], description="the fields that are wrong, if any are")


def problems(*kinds: type[DelinkciousError]) -> Answers:
    """Returns the answers of a view that raises these errors."""
    answers: Answers = {}
    for kind in kinds:
        said = (kind.__doc__ or kind.title).partition("\n")[0]
        answer = answers.setdefault(HTTP_STATUS[kind], {"description": said})
        if said not in answer["description"]:
            answer["description"] += f" Or: {said}"
    return answers


def takes_file(*content_types: str) -> Callable[[F], F]:
    """Says that a view reads a file (`delinkcious.http.uploads`), of one of these types."""

    def mark(view: F) -> F:
        spec = view.__dict__.setdefault("_spec", {})  # where APIFlask looks
        spec.update(body=_FILE, content_type=[_FORM_IN_PARTS, *content_types])
        return view

    return mark


def operations(document: Node) -> Iterator[tuple[str, str, Node]]:
    """Returns path, method and description of each operation."""
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def complete(document: Any) -> Any:
    """Returns the document that APIFlask made, completed; to be its ``spec_processor``."""
    schemas: dict[str, Node] = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema(ref_template=_REF + "{model}")
    schemas.update(schemas["Problem"].pop("$defs"))
    document["components"]["schemas"] = {_plain(name): node for name, node in schemas.items()}
    for _, _, operation in operations(document):
        operation["parameters"] = [_parameter(given) for given in operation["parameters"]]
        _describe_body(operation, schemas)
        _file_as_field(operation)
        _add_problems(operation)
    _tidy(document)
    return document


def _plain(name: str) -> str:
    """APIFlask calls a model that it finds inside another ``Outer.Inner``."""
    return name.rpartition(".")[2].removesuffix("Schema")


def _parameter(parameter: Node) -> Node:
    """A query cannot say null; what is left out takes the default."""
    schema = _never_null(parameter["schema"])
    described = {"description": schema.pop("description")} if "description" in schema else {}
    return {**parameter, **described, "schema": schema}


def _never_null(schema: Node) -> Node:
    schema = dict(schema)
    choices = [choice for choice in schema.pop("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        schema = {**choices[0], **schema}
    if schema.get("default", ...) is None:
        del schema["default"]
    return schema


def _describe_body(operation: Node, schemas: dict[str, Node]) -> None:
    """Bodies that may be forms may be queries, too (`delinkcious.http.decode.ANY`): a query counts
    only without a body, which OpenAPI has no words for. And a form, like a query, says no null.
    """
    body = operation.get("requestBody")
    if body is None:
        return
    body["required"] = True
    form = body["content"].get(_FORM)
    if form is not None:
        model = schemas[form["schema"]["$ref"].removeprefix(_REF)]
        fields = {name: _never_null(schema) for name, schema in model["properties"].items()}
        form["schema"] = {**model, "properties": fields}
        body["description"] = "The same fields may come as query parameters, without a body."


def _file_as_field(operation: Node) -> None:
    """A file is the body, or in a form a field of it."""
    content = operation.get("requestBody", {"content": {}})["content"]
    form = content.get(_FORM_IN_PARTS)
    if form is not None and _JSON in content:
        content[_JSON] = {"schema": _JSON_FILE}
    if form is not None:
        form["schema"] = {
            "type": "object",
            "properties": {"file": _FILE},
            "required": ["file"],
            "additionalProperties": False,
        }


def _add_problems(operation: Node) -> None:
    kinds: list[type[DelinkciousError]] = [Unavailable]
    if "requestBody" in operation:
        kinds += [InvalidArgument, PayloadTooLarge, UnsupportedMediaType]
    elif operation["parameters"]:
        kinds += [InvalidArgument]
    if any(given["in"] == "path" for given in operation["parameters"]):
        kinds += [NotFound]  # what cannot be such a name names nothing (`delinkcious.http.paths`)
    answers = operation["responses"]
    for status, answer in problems(*kinds).items():
        answers.setdefault(str(status), answer)
    for status, answer in answers.items():
        if status >= _ERROR and not answer.get("content"):
            answer["content"] = {PROBLEM_JSON: {"schema": {"$ref": f"{_REF}Problem"}}}
    operation["responses"] = dict(sorted(answers.items()))


def _tidy(node: Any) -> None:
    """Renames references, and drops the titles that Pydantic makes of the names of fields."""
    if isinstance(node, list):
        for part in node:
            _tidy(part)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            node["$ref"] = _REF + _plain(node["$ref"].removeprefix(_REF))
        if isinstance(node.get("title"), str) and ("type" in node or "anyOf" in node):
            del node["title"]
        for part in node.values():
            _tidy(part)
