"""Makes the Flask application of a REST service, with its middleware in its order.

1. observe: span, log line and metrics, around everything
2. callers: mutual authentication, before anything of the request is read
3. problems: every error into a problem document
"""

from typing import Any, Final

import orjson
from apiflask import APIFlask
from flask import Response
from flask.json.provider import JSONProvider
from pydantic import BaseModel, Field

from delinkcious.auth import MutualAuth
from delinkcious.errors import PROBLEM_JSON
from delinkcious.http import callers, observe, problems

MAX_BODY_BYTES: Final = 1024 * 1024


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


class _Orjson(JSONProvider):
    def dumps(self, obj: Any, **_options: Any) -> str:
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **_options: Any) -> Any:
        return orjson.loads(s)


class RestApp(APIFlask):
    """A Flask application that documents itself as OpenAPI 3.1."""

    json_provider_class = _Orjson


def create_app(
    name: str, *, title: str, version: str, auth: MutualAuth | None, description: str = ""
) -> RestApp:
    """Returns an application without routes.

    Args:
        auth: who may call; None for the public gateway, which authenticates users itself.
    """
    app = RestApp(name, title=title, version=version, docs_path=None, json_errors=False)
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        DESCRIPTION=description,
        AUTO_200_RESPONSE=False,
        VALIDATION_ERROR_STATUS_CODE=400,
        VALIDATION_ERROR_SCHEMA=Problem,
        VALIDATION_ERROR_DESCRIPTION="The input is wrong; `errors` names the fields.",
        HTTP_ERROR_SCHEMA=Problem,
    )
    app.url_map.strict_slashes = True
    observe.install(app)
    if auth is not None:
        callers.install(app, auth)
    problems.install(app)
    app.spec_processor(_problems_have_their_own_type)
    return app


def _problems_have_their_own_type(spec: dict[Any, Any] | str) -> dict[Any, Any] | str:
    if isinstance(spec, str):
        return spec
    for path in spec.get("paths", {}).values():
        for operation in path.values():
            for status, response in operation.get("responses", {}).items():
                content = response.get("content", {})
                if status >= "400" and "application/json" in content:
                    content[PROBLEM_JSON] = content.pop("application/json")
    return spec


def json_response(content: Any, status: int = 200, **headers: str) -> Response:
    """Returns a JSON response; ``bytes`` are taken to be JSON already."""
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    response = Response(body, status, content_type="application/json")
    response.headers.update(headers)
    return response


def no_content() -> Response:
    """Returns the response that says done and nothing more."""
    return Response(status=204)
