"""Our errors as gRPC statuses, and back.

The code and the message say what every client understands. What they cannot carry travels in
``google.rpc.Status`` beside them, the standard of gRPC for rich errors: the fields that are at
fault as ``BadRequest``, when to try again as ``RetryInfo``. ``ErrorInfo`` tells an error that we
raised from one of the library or the network between us.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status as RichStatus

from delinkcious import errors
from delinkcious.errors import DelinkciousError, Unavailable, Violation

_DETAILS: Final = "grpc-status-details-bin"
_DOMAIN: Final = "delinkcious"
# Nobody here cancels a call: CANCELLED is a server that stops, and had not begun with it.
_UNREACHABLE: Final = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"})

M = TypeVar("M", bound=Message)
Metadata = tuple[tuple[str, str | bytes], ...]


@dataclass(frozen=True, slots=True)
class Status:
    """How a call ends: what `grpc.aio.ServicerContext.abort` takes."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: Metadata


def to_status(error: DelinkciousError) -> Status:
    """Returns the status that tells a client of an error."""
    code = grpc.StatusCode[errors.grpc_status(error)]
    rich = RichStatus(code=code.value[0], message=error.detail)
    for detail in _details(error):
        packed = Packed()
        packed.Pack(detail)
        rich.details.append(packed)
    return Status(code, error.detail, ((_DETAILS, rich.SerializeToString()),))


def _details(error: DelinkciousError) -> Iterable[Message]:
    yield ErrorInfo(reason=error.code.upper().replace("-", "_"), domain=_DOMAIN)
    if error.violations:
        wrong = [
            BadRequest.FieldViolation(field=violation.field, description=violation.detail)
            for violation in error.violations
        ]
        yield BadRequest(field_violations=wrong)
    if error.retry_after is not None:
        info = RetryInfo()
        info.retry_delay.FromMilliseconds(round(error.retry_after * 1000))
        yield info


def from_rpc_error(peer: str, error: grpc.RpcError) -> DelinkciousError:
    """Returns the error that a peer answered with, or that kept it from answering."""
    name = error.code().name
    rich = _rich_status(error)
    if not any(info.domain == _DOMAIN for info in _unpack(rich, ErrorInfo)):
        return _of_the_library(peer, name)
    violations = [
        Violation(violation.field, violation.description)
        for wrong in _unpack(rich, BadRequest)
        for violation in wrong.field_violations
    ]
    delays = [info.retry_delay.ToMilliseconds() / 1000 for info in _unpack(rich, RetryInfo)]
    ours = errors.from_grpc_status(
        name, rich.message, violations=violations, retry_after=delays[0] if delays else None
    )
    # What a peer holds against us is our mistake, not our caller's.
    if isinstance(ours, errors.Unauthenticated | errors.PermissionDenied):
        return _of_the_library(peer, name)
    return ours


def _of_the_library(peer: str, name: str) -> DelinkciousError:
    if name in _UNREACHABLE:
        return Unavailable(f"{peer} does not answer.", retry_after=1)
    return DelinkciousError(f"{peer} answered with status {name}.")


def _rich_status(error: grpc.RpcError) -> RichStatus:
    for entry in error.trailing_metadata() or ():
        if entry.key == _DETAILS and isinstance(entry.value, bytes):
            with suppress(DecodeError):
                return RichStatus.FromString(entry.value)
    return RichStatus()


def _unpack(rich: RichStatus, kind: type[M]) -> list[M]:
    found = []
    for packed in rich.details:
        message = kind()
        if packed.Unpack(message):
            found.append(message)
    return found
