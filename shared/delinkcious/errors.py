"""The errors that cross a boundary: one tree, named after the gRPC canonical status codes.

::

    DelinkciousError            something failed inside; the caller can do nothing about it
    ├── InvalidArgument         the input is wrong whatever the state of the system
    ├── Unauthenticated         nobody we know is calling
    ├── PermissionDenied        we know the caller, and the caller may not do this
    ├── NotFound                what the call names does not exist
    ├── AlreadyExists           what the call would create is there already
    ├── Gone                    what the call goes on from is no longer known; begin afresh
    ├── FailedPrecondition      the state of the system forbids it; retrying will not help
    ├── ResourceExhausted       too much, too fast; retrying later may help
    ├── PayloadTooLarge         the request body is over the limit
    ├── UnsupportedMediaType    the request body is in a format that the call does not read
    └── Unavailable             something we need is not there now; retrying later may help

A manager raises them, and each transport maps them in one place with the two tables at the end. A
client does the reverse, so a remote manager fails with the same errors as a local one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self


@dataclass(frozen=True, slots=True)
class Violation:
    """One field of the input that is wrong, and how."""

    field: str
    detail: str


class DelinkciousError(Exception):
    """The root: an unexpected failure.

    Args:
        detail: one sentence for the caller. It never holds a secret or an internal address.
        violations: the fields that are at fault, where the error is about fields.
        retry_after: seconds after which trying again makes sense, where that is known.
    """

    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        detail: str,
        *,
        violations: Sequence[Violation] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.violations = tuple(violations)
        self.retry_after = retry_after

    @classmethod
    def of(cls, field: str, detail: str) -> Self:
        """Returns the error about a single field."""
        return cls(f"{field}: {detail}", violations=[Violation(field, detail)])


class InvalidArgument(DelinkciousError):
    """The input is wrong whatever the state of the system."""

    code = "invalid-argument"
    title = "Invalid input"


class Unauthenticated(DelinkciousError):
    """Nobody we know is calling."""

    code = "unauthenticated"
    title = "Authentication required"


class PermissionDenied(DelinkciousError):
    """The caller is known and may not do this."""

    code = "permission-denied"
    title = "Permission denied"


class NotFound(DelinkciousError):
    """What the call names does not exist."""

    code = "not-found"
    title = "Not found"


class AlreadyExists(DelinkciousError):
    """What the call would create is there already."""

    code = "already-exists"
    title = "Already exists"


class Gone(DelinkciousError):
    """What the call goes on from is no longer known; to begin afresh will help."""

    code = "gone"
    title = "No longer known"


class FailedPrecondition(DelinkciousError):
    """The state of the system forbids the call."""

    code = "failed-precondition"
    title = "Not possible now"


class ResourceExhausted(DelinkciousError):
    """Too much, too fast."""

    code = "resource-exhausted"
    title = "Too many requests"


class PayloadTooLarge(DelinkciousError):
    """The request body is over the limit."""

    code = "payload-too-large"
    title = "Request body too large"


class UnsupportedMediaType(DelinkciousError):
    """The request body is in a format that the call does not read."""

    code = "unsupported-media-type"
    title = "Unsupported media type"


class Unavailable(DelinkciousError):
    """Something that the call needs is not there now."""

    code = "unavailable"
    title = "Temporarily unavailable"


HTTP_STATUS: Final[Mapping[type[DelinkciousError], int]] = {
    DelinkciousError: 500,
    InvalidArgument: 400,
    Unauthenticated: 401,
    PermissionDenied: 403,
    NotFound: 404,
    AlreadyExists: 409,
    FailedPrecondition: 409,
    Gone: 410,
    PayloadTooLarge: 413,
    UnsupportedMediaType: 415,
    ResourceExhausted: 429,
    Unavailable: 503,
}

GRPC_STATUS: Final[Mapping[type[DelinkciousError], str]] = {
    DelinkciousError: "INTERNAL",
    InvalidArgument: "INVALID_ARGUMENT",
    Unauthenticated: "UNAUTHENTICATED",
    PermissionDenied: "PERMISSION_DENIED",
    NotFound: "NOT_FOUND",
    AlreadyExists: "ALREADY_EXISTS",
    FailedPrecondition: "FAILED_PRECONDITION",
    Gone: "ABORTED",
    PayloadTooLarge: "OUT_OF_RANGE",
    UnsupportedMediaType: "UNIMPLEMENTED",
    ResourceExhausted: "RESOURCE_EXHAUSTED",
    Unavailable: "UNAVAILABLE",
}

_BY_CODE: Final = {kind.code: kind for kind in HTTP_STATUS}
_BY_GRPC_STATUS: Final = {status: kind for kind, status in GRPC_STATUS.items()}
_TYPE_PREFIX: Final = "urn:delinkcious:problem:"

PROBLEM_JSON: Final = "application/problem+json"


def to_problem(error: DelinkciousError, trace_id: str) -> dict[str, Any]:
    """Returns the RFC 9457 problem document of an error."""
    problem: dict[str, Any] = {
        "type": _TYPE_PREFIX + error.code,
        "title": error.title,
        "status": HTTP_STATUS[_kind(error)],
        "detail": error.detail,
        "trace_id": trace_id,
    }
    if error.violations:
        problem["errors"] = [{"field": v.field, "detail": v.detail} for v in error.violations]
    return problem


def from_problem(problem: Mapping[str, Any]) -> DelinkciousError:
    """Returns the error that a service described in a problem document."""
    kind = _BY_CODE.get(str(problem.get("type", "")).removeprefix(_TYPE_PREFIX), DelinkciousError)
    violations = _violations(problem.get("errors"))
    return kind(str(problem.get("detail", kind.title)), violations=violations)


def _violations(given: object) -> list[Violation]:
    """Leaves out what is not ours: anybody may add ``errors`` of another form to a problem."""
    found = []
    for entry in given if isinstance(given, list) else ():
        match entry:
            case {"field": str(field), "detail": str(detail)}:
                found.append(Violation(field, detail))
    return found


def from_grpc_status(
    name: str,
    detail: str,
    *,
    violations: Sequence[Violation] = (),
    retry_after: float | None = None,
) -> DelinkciousError:
    """Returns the error for a gRPC status code, such as ``"NOT_FOUND"``."""
    kind = Unavailable if name == "DEADLINE_EXCEEDED" else _BY_GRPC_STATUS.get(name)
    return (kind or DelinkciousError)(detail, violations=violations, retry_after=retry_after)


def _kind(error: DelinkciousError) -> type[DelinkciousError]:
    return next(kind for kind in type(error).__mro__ if kind in HTTP_STATUS)


def http_status(error: DelinkciousError) -> int:
    """Returns the HTTP status of an error, found through its class hierarchy."""
    return HTTP_STATUS[_kind(error)]


def grpc_status(error: DelinkciousError) -> str:
    """Returns the name of the gRPC status of an error, found through its class hierarchy."""
    return GRPC_STATUS[_kind(error)]
