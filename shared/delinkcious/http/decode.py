"""Requests into values: one Pydantic model each, with every wrong field named.

Views get what they read as their argument::

    @app.post("/links")
    @reads(app, AddLink, JSON)
    def add_link(link: AddLink) -> Response: ...
"""

from collections.abc import Callable, Mapping
from functools import cache, wraps
from typing import Any, Final, Literal, TypeVar, get_origin
from urllib.parse import parse_qs, urlencode

import orjson
from apiflask import APIFlask
from flask import current_app, request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from werkzeug.exceptions import RequestEntityTooLarge

from delinkcious.errors import InvalidArgument, UnsupportedMediaType, Violation

M = TypeVar("M", bound=BaseModel)
View = Callable[..., Any]
Location = Literal["query", "json", "json_or_form"]

QUERY: Final = "query"
JSON: Final = "json"
ANY: Final = "json_or_form"
"""JSON, a form, or query parameters, as the clients of the original send them."""

NOT_OF_MODELS: Final = "FORM_FIELDS_NOT_OF_MODELS"
"""The setting of an app that names the fields of forms that it reads before its views, if any."""

_FORM: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"
_LENGTHS: Final = {"too_long": ("most", "max_length"), "too_short": ("least", "min_length")}
_MOST: Final = 2**63
_QUOTE: Final = "werkzeug.url_quote"  # what to do with bytes that are no UTF-8
_MAX_DEPTH: Final = 32
_MAX_PARAMETERS: Final = 1_000
_MAX_QUERY_BYTES: Final = 60_000
"""Servers take addresses of up to 64 KiB, and the query is passed on from one to another."""


def reads(app: APIFlask, model: type[M], location: Location) -> Callable[[View], View]:
    """Decodes what a view reads and passes it on as the last positional argument, after what the
    decorators around this one pass on and what is in the path.

    Raises, in the view: `InvalidArgument` naming each wrong field, or `UnsupportedMediaType`.
    """
    decode = query if location == QUERY else json_body if location == JSON else any_body

    def decorate(view: View) -> View:
        app.input(model, location=location)(view)  # for the OpenAPI document

        @wraps(view)
        def decode_and_call(*caller: Any, **path: str) -> Any:
            return view(*caller, *path.values(), decode(model))

        return decode_and_call

    return decorate


def query(model: type[M]) -> M:
    """Decodes the query string."""
    encoded = request.query_string
    parameters = parse(encoded)
    # What can be sent as it is may become five times as long when it is encoded.
    if len(encoded) > _MAX_QUERY_BYTES // 5 and (
        len(urlencode(parameters, doseq=True)) > _MAX_QUERY_BYTES
    ):
        raise InvalidArgument.of("query", f"must be at most {_MAX_QUERY_BYTES:,} bytes long")
    return _validate(model, _flatten(model, parameters))


def json_body(model: type[M]) -> M:
    """Decodes a JSON body."""
    if not _is_json(request.mimetype):
        raise UnsupportedMediaType.of("Content-Type", "must be application/json")
    return _from_json(model, _body())


def any_body(model: type[M]) -> M:
    """Decodes a JSON body, a form, or without a body the query parameters."""
    body, mimetype = _body(), request.mimetype
    if _is_json(mimetype):
        return _from_json(model, body)
    if mimetype in {_FORM, _MULTIPART}:
        form = parse(body) if mimetype == _FORM else _parts()
        return _validate(model, _flatten(model, _of_model(form) or _parameters()))
    if body:
        raise UnsupportedMediaType.of("Content-Type", f"must be application/json or {_FORM}")
    return _validate(model, _flatten(model, _parameters()))


def _is_json(mimetype: str) -> bool:
    return mimetype == "application/json" or mimetype.endswith("+json")


def _body() -> bytes:
    """Returns the body. Werkzeug refuses one that is said to be over the limit, but silently cuts
    off one that comes in chunks, without a length.
    """
    body, limit = request.get_data(), request.max_content_length
    if limit is not None and request.content_length is None and len(body) >= limit:
        raise RequestEntityTooLarge
    return body


def _from_json(model: type[M], body: bytes) -> M:
    """Decodes JSON, in which a number is a number: a text with digits is none, nor is 1 true."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidArgument.of("body", f"is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise InvalidArgument.of("body", "must be a JSON object")
    if body.count(b"{") + body.count(b"[") > _MAX_DEPTH and _is_deeper(content, _MAX_DEPTH):
        raise InvalidArgument.of("body", f"must not be nested deeper than {_MAX_DEPTH} levels")
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError:
        pass  # it may have numbers such as 7.0, which are whole in JSON, and are not to Pydantic
    try:
        return model.model_validate_json(orjson.dumps(_whole(content)), strict=True)
    except ValidationError as error:
        raise to_invalid_argument(error) from None


def _is_deeper(content: Any, depth: int) -> bool:
    """Tells whether there are lists or objects within one another, more than so many."""
    level = [content]
    for _ in range(depth):
        within = [part.values() if isinstance(part, dict) else part for part in level]
        level = [part for parts in within for part in parts if isinstance(part, dict | list)]
    return bool(level)


def _whole(value: Any) -> Any:
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < _MOST else value
    if isinstance(value, list):
        return [_whole(part) for part in value]
    if isinstance(value, dict):
        return {name: _whole(part) for name, part in value.items()}
    return value


def _parameters() -> dict[str, list[str]]:
    """Returns the query's parameters, as Werkzeug's own `args` but in half the time."""
    return parse(request.query_string)


def parse(encoded: bytes) -> dict[str, list[str]]:
    """Returns the parameters in a query, or in a form that is sent as one.

    Raises:
        InvalidArgument: there are too many.
    """
    if encoded.count(b"&") >= _MAX_PARAMETERS:
        raise _too_many_parameters()
    text = encoded.decode(errors=_QUOTE)
    if "%" in text or "+" in text:
        return parse_qs(text, keep_blank_values=True, errors=_QUOTE)
    parameters: dict[str, list[str]] = {}
    for pair in text.split("&"):  # nothing is encoded, so that is all there is to it
        if pair:
            name, _, value = pair.partition("=")
            parameters.setdefault(name, []).append(value)
    return parameters


def _parts() -> dict[str, list[str]]:
    try:
        return request.form.to_dict(flat=False)
    except RequestEntityTooLarge:  # the body is not, so there are too many
        raise _too_many_parameters() from None


def _of_model(form: Mapping[str, list[str]]) -> dict[str, list[str]]:
    others = current_app.config.get(NOT_OF_MODELS, ())
    return {name: values for name, values in form.items() if name not in others}


def _too_many_parameters() -> InvalidArgument:
    return InvalidArgument(f"There must be at most {_MAX_PARAMETERS:,} parameters.")


def _flatten(model: type[BaseModel], values: Mapping[str, list[str]]) -> dict[str, Any]:
    """Returns lists for the fields that are lists, and the only value of every other one."""
    lists = _lists(model)
    flat: dict[str, Any] = {}
    for name, given in values.items():
        if name in lists:
            flat[name] = given
        elif len(given) > 1 and name in model.model_fields:
            raise InvalidArgument.of(name, "is given more than once")
        else:
            flat[name] = given[0]
    return flat


@cache
def _lists(model: type[BaseModel]) -> frozenset[str]:
    fields = model.model_fields.items()
    return frozenset(name for name, field in fields if _is_list(field.annotation))


def _is_list(annotation: Any) -> bool:
    if get_origin(annotation) in {list, tuple}:
        return True
    return any(get_origin(part) in {list, tuple} for part in getattr(annotation, "__args__", ()))


def _validate(model: type[M], values: Mapping[str, Any]) -> M:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise to_invalid_argument(error) from None


def to_invalid_argument(error: ValidationError) -> InvalidArgument:
    """Returns our error for Pydantic's, with a violation for each wrong field."""
    violations = [
        Violation(
            ".".join(str(part) for part in mistake["loc"]) or "body",
            _said_of(mistake),
        )
        for mistake in error.errors(include_url=False)
    ]
    detail = "; ".join(f"{v.field}: {v.detail}" for v in violations)
    return InvalidArgument(detail, violations=violations)


def _said_of(mistake: ErrorDetails) -> str:
    """Returns what is wrong. Of a text that somebody else saw last, Pydantic counts items."""
    kind, limits = mistake["type"], mistake.get("ctx", {})
    if kind == "missing":
        return "is required"
    if kind in _LENGTHS and isinstance(mistake["input"], str):
        bound, limit = _LENGTHS[kind]
        number = limits[limit]
        return f"String should have at {bound} {number} character{'' if number == 1 else 's'}"
    return mistake["msg"].removeprefix("Value error, ")
