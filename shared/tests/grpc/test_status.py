"""Errors as statuses."""

import grpc
import pytest
from google.rpc.status_pb2 import Status as RichStatus

from delinkcious import errors
from delinkcious.errors import DelinkciousError, InvalidArgument, Violation
from delinkcious.grpc.status import to_status


def rich(error: DelinkciousError) -> RichStatus:
    [(name, value)] = to_status(error).trailing_metadata
    assert name == "grpc-status-details-bin"
    assert isinstance(value, bytes)
    return RichStatus.FromString(value)


@pytest.mark.parametrize("kind", errors.GRPC_STATUS)
def test_every_error_has_its_code(kind: type[DelinkciousError]) -> None:
    status = to_status(kind("Because."))
    assert status.code is grpc.StatusCode[errors.GRPC_STATUS[kind]]
    assert status.details == "Because."


def test_a_kind_of_error_has_the_code_of_its_kind() -> None:
    class TooLong(InvalidArgument):
        """An error further down the tree."""

    assert to_status(TooLong("It is.")).code is grpc.StatusCode.INVALID_ARGUMENT


def test_any_client_can_read_the_details() -> None:
    """They are the messages of google.rpc, which the tools of every language know."""
    wrong = InvalidArgument("two", violations=[Violation("a", "is bad"), Violation("b", "too")])
    wrong.retry_after = 3
    status = rich(wrong)
    assert (status.code, status.message) == (3, "two")
    assert [detail.type_url for detail in status.details] == [
        "type.googleapis.com/google.rpc.ErrorInfo",
        "type.googleapis.com/google.rpc.BadRequest",
        "type.googleapis.com/google.rpc.RetryInfo",
    ]
