"""The tree of errors, and the two tables that carry it over HTTP and gRPC."""

import inspect
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delinkcious import errors
from delinkcious.errors import (
    GRPC_STATUS,
    HTTP_STATUS,
    DelinkciousError,
    InvalidArgument,
    NotFound,
    Unavailable,
    Violation,
)

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, DelinkciousError)
]


class NoSuchLink(NotFound):
    """An error that a service may derive."""


def test_every_error_has_a_status_in_both_tables() -> None:
    assert set(KINDS) == set(HTTP_STATUS) == set(GRPC_STATUS)


def test_the_statuses_are_those_of_the_standards() -> None:
    """RFC 9110 and the gRPC canonical codes, where both have one for the same thing."""
    assert {kind.code: HTTP_STATUS[kind] for kind in KINDS} == {
        "internal": 500,
        "invalid-argument": 400,
        "unauthenticated": 401,
        "permission-denied": 403,
        "not-found": 404,
        "already-exists": 409,
        "failed-precondition": 409,
        "gone": 410,
        "payload-too-large": 413,
        "unsupported-media-type": 415,
        "resource-exhausted": 429,
        "unavailable": 503,
    }


def test_an_error_that_is_derived_has_the_status_of_its_nearest_ancestor() -> None:
    assert errors.http_status(NoSuchLink("no")) == 404
    assert errors.grpc_status(NoSuchLink("no")) == "NOT_FOUND"
    assert errors.to_problem(NoSuchLink("no"), "")["status"] == 404


def test_an_error_about_one_field_names_it() -> None:
    error = InvalidArgument.of("url", "is required")
    assert error.violations == (Violation("url", "is required"),)
    assert str(error) == error.detail == "url: is required"


def test_a_problem_document_says_what_rfc_9457_asks_for() -> None:
    problem = errors.to_problem(InvalidArgument.of("url", "is required"), "abc")
    assert problem == {
        "type": "urn:delinkcious:problem:invalid-argument",
        "title": "Invalid input",
        "status": 400,
        "detail": "url: is required",
        "trace_id": "abc",
        "errors": [{"field": "url", "detail": "is required"}],
    }


def test_a_problem_that_is_about_no_field_has_no_list_of_them() -> None:
    assert "errors" not in errors.to_problem(NotFound("no"), "abc")


VIOLATIONS = st.lists(st.builds(Violation, st.text(), st.text()), max_size=3)


@given(kind=st.sampled_from(KINDS), detail=st.text(), violations=VIOLATIONS)
def test_an_error_survives_the_way_through_a_problem_document(
    kind: type[DelinkciousError], detail: str, violations: list[Violation]
) -> None:
    sent = kind(detail, violations=violations)
    received = errors.from_problem(errors.to_problem(sent, "abc"))
    assert type(received) is kind
    assert (received.detail, received.violations) == (detail, tuple(violations))


@pytest.mark.parametrize(
    "problem",
    [
        {},
        {"type": "about:blank", "title": "Bad Gateway", "status": 502},
        {"type": "urn:delinkcious:problem:teapot", "detail": "short and stout"},
    ],
)
def test_a_problem_of_an_unknown_type_is_an_internal_error(problem: dict[str, Any]) -> None:
    assert type(errors.from_problem(problem)) is DelinkciousError


@pytest.mark.parametrize("foreign", [None, "no", 7, ["no"], [{"pointer": "#/url"}], {"a": 1}])
def test_what_others_write_under_errors_is_left_out(foreign: object) -> None:
    """RFC 9457 leaves the members of extensions to whoever adds them."""
    problem = {"type": "urn:delinkcious:problem:not-found", "detail": "no", "errors": foreign}
    error = errors.from_problem(problem)
    assert (type(error), error.violations) == (NotFound, ())


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_the_way_through_a_grpc_status(kind: type[DelinkciousError]) -> None:
    assert type(errors.from_grpc_status(errors.grpc_status(kind("no")), "no")) is kind


def test_a_deadline_that_passed_means_unavailable() -> None:
    assert type(errors.from_grpc_status("DEADLINE_EXCEEDED", "late")) is Unavailable


@pytest.mark.parametrize("name", ["DATA_LOSS", "CANCELLED", "NO_SUCH_STATUS"])
def test_a_grpc_status_without_an_error_of_ours_is_an_internal_error(name: str) -> None:
    assert type(errors.from_grpc_status(name, "?")) is DelinkciousError
