"""Every error of a REST service becomes an RFC 9457 problem document here, and nowhere else."""

import re
from http import HTTPStatus
from typing import Final

import orjson
import structlog
from flask import Flask, Response, current_app
from werkzeug.exceptions import HTTPException

from delinkcious import errors, tracing
from delinkcious.errors import DelinkciousError, PayloadTooLarge

logger = structlog.get_logger()

_BY_STATUS: Final = {
    400: errors.InvalidArgument,
    404: errors.NotFound,
    415: errors.UnsupportedMediaType,
}


def install(app: Flask) -> None:
    """Registers the handlers for our errors, the framework's, and everything else."""
    app.register_error_handler(DelinkciousError, to_response)
    app.register_error_handler(HTTPException, _of_the_framework)
    app.register_error_handler(Exception, _unexpected)


def to_response(error: DelinkciousError) -> Response:
    """Returns the problem document of an error, for handlers that have a header to add."""
    response = _response(errors.to_problem(error, _trace_id()))
    if isinstance(error, errors.Unauthenticated):
        response.headers["WWW-Authenticate"] = 'Bearer realm="delinkcious"'
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, round(error.retry_after)))
    return response


def _of_the_framework(error: HTTPException) -> Response:
    status = error.code or 500
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        limit = current_app.config["MAX_CONTENT_LENGTH"]
        response = to_response(PayloadTooLarge.of("body", f"must be at most {limit} bytes long"))
    elif kind := _BY_STATUS.get(status):
        response = to_response(kind(error.description or kind.title))
    else:
        response = _response(_problem_of_status(status))
    for name, value in error.get_headers():
        if name in {"Allow", "Location"}:
            response.headers[name] = value
    return response


def _unexpected(error: Exception) -> Response:
    logger.error("unexpected_error", error=type(error).__name__, exc_info=error)
    return to_response(DelinkciousError("Something went wrong on our side; it has been recorded."))


def _problem_of_status(status: int) -> dict[str, object]:
    phrase = HTTPStatus(status).phrase
    return {
        "type": "urn:delinkcious:problem:" + re.sub(r"\W+", "-", phrase.lower()),
        "title": phrase,
        "status": status,
        "detail": HTTPStatus(status).description or phrase,
        "trace_id": _trace_id(),
    }


def _response(problem: dict[str, object]) -> Response:
    status = problem["status"]
    return Response(
        orjson.dumps(problem),
        status if isinstance(status, int) else 500,
        content_type=errors.PROBLEM_JSON,
    )


def _trace_id() -> str:
    ids = tracing.current_ids()
    return ids[0] if ids else ""
