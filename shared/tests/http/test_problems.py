"""Every failure of a REST service is a problem document that can be found in the logs."""

from typing import Any

import pytest
from flask import Response, abort
from flask.testing import FlaskClient
from pydantic import BaseModel, Field
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from delinkcious import errors
from delinkcious.errors import (
    HTTP_STATUS,
    DelinkciousError,
    InvalidArgument,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)
from delinkcious.http.app import create_app, json_response
from delinkcious.http.decode import ANY, JSON, reads

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}


class NoSuchNote(errors.NotFound):
    """An error of a service's own."""


class Note(BaseModel):
    text: str = Field(max_length=5)


class Raises:
    """A view that raises what the test wants."""

    error: Exception = DelinkciousError("?")

    def __call__(self) -> Response:
        raise self.error


@pytest.fixture
def view() -> Raises:
    return Raises()


@pytest.fixture
def client(view: Raises) -> FlaskClient:
    app = create_app(__name__, title="Notes", version="1", auth=None)
    app.add_url_rule("/fail", "fail", view)
    app.add_url_rule("/teapot", "teapot", lambda: abort(418))

    @app.post("/notes")
    @reads(app, Note, JSON)
    @app.output({})
    def add_note(note: Note) -> Response:
        return json_response({"text": note.text})

    @app.post("/forms")
    @reads(app, Note, ANY)
    @app.output({})
    def add_form(note: Note) -> Response:
        return json_response({"text": note.text})

    return app.test_client()


def problem_of(answer: TestResponse) -> dict[str, Any]:
    """Returns the problem document of an answer, which must be one."""
    assert answer.content_type == "application/problem+json"
    problem: dict[str, Any] = answer.get_json(force=True)
    assert problem["status"] == answer.status_code
    assert {"type", "title", "detail", "trace_id"} <= set(problem)
    assert problem["type"].startswith("urn:delinkcious:problem:")
    assert problem["trace_id"]
    return problem


@pytest.mark.parametrize("kind", HTTP_STATUS)
def test_each_error_has_its_status(
    client: FlaskClient, view: Raises, kind: type[DelinkciousError]
) -> None:
    view.error = kind("It went wrong.")
    answer = client.get("/fail")
    assert answer.status_code == HTTP_STATUS[kind]
    problem = problem_of(answer)
    assert (problem["detail"], problem["title"]) == ("It went wrong.", kind.title)


def test_a_derived_error_has_the_status_of_its_ancestor(client: FlaskClient, view: Raises) -> None:
    view.error = NoSuchNote("There is no such note.")
    assert client.get("/fail").status_code == 404


def test_the_trace_id_is_that_of_the_request(client: FlaskClient, view: Raises) -> None:
    view.error = InvalidArgument("no")
    assert problem_of(client.get("/fail", headers=TRACEPARENT))["trace_id"] == TRACE
    assert problem_of(client.get("/nope", headers=TRACEPARENT))["trace_id"] == TRACE


def test_the_wrong_fields_are_named(client: FlaskClient, view: Raises) -> None:
    view.error = InvalidArgument.of("url", "is required")
    assert problem_of(client.get("/fail"))["errors"] == [{"field": "url", "detail": "is required"}]


def test_whoever_is_not_known_is_told_how_to_authenticate(
    client: FlaskClient, view: Raises
) -> None:
    """RFC 9110, section 15.5.2: a 401 must have a challenge."""
    view.error = Unauthenticated("Who are you?")
    assert client.get("/fail").headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.parametrize(("seconds", "header"), [(0.2, "1"), (1, "1"), (1.6, "2"), (30, "30")])
def test_when_to_try_again_is_said_in_whole_seconds(
    client: FlaskClient, view: Raises, seconds: float, header: str
) -> None:
    for view.error in (
        Unavailable("later", retry_after=seconds),
        ResourceExhausted("slower", retry_after=seconds),
    ):
        assert client.get("/fail").headers["Retry-After"] == header


def test_when_it_is_not_known_when_to_try_again_nothing_is_said(
    client: FlaskClient, view: Raises
) -> None:
    view.error = Unavailable("later")
    assert "Retry-After" not in client.get("/fail").headers


def test_an_unexpected_error_is_logged_and_its_text_kept_inside(
    client: FlaskClient, view: Raises
) -> None:
    view.error = ValueError("password=s3cret")
    with capture_logs() as logs:
        answer = client.get("/fail")
    assert answer.status_code == 500
    assert "s3cret" not in answer.text
    assert "Traceback" not in answer.text
    assert problem_of(answer)["type"] == "urn:delinkcious:problem:internal"
    (logged,) = [log for log in logs if log["event"] == "unexpected_error"]
    assert (logged["error"], logged["exc_info"]) == ("ValueError", view.error)


def test_an_unknown_path_is_not_found(client: FlaskClient) -> None:
    answer = client.get("/nope")
    assert answer.status_code == 404
    assert problem_of(answer)["type"] == "urn:delinkcious:problem:not-found"


@pytest.mark.parametrize("path", ["/notes/", "//notes", "/notes//", "/%00", "/%ff%fe", "/a/../b"])
def test_a_path_that_is_only_similar_is_not_found(client: FlaskClient, path: str) -> None:
    assert problem_of(client.post(path))["status"] == 404


def test_a_method_that_a_path_does_not_have_is_refused_with_those_it_has(
    client: FlaskClient,
) -> None:
    answer = client.delete("/notes")
    assert answer.status_code == 405
    assert problem_of(answer)["type"] == "urn:delinkcious:problem:method-not-allowed"
    assert {"POST", "OPTIONS"} == set(answer.headers["Allow"].split(", "))


def test_a_method_that_nobody_knows_is_refused(client: FlaskClient) -> None:
    assert problem_of(client.open("/notes", method="BREW"))["status"] == 405


def test_a_body_over_the_limit_is_refused_and_named(client: FlaskClient) -> None:
    answer = client.post("/notes", data=b"x" * (1024 * 1024 + 1), content_type="application/json")
    assert answer.status_code == 413
    assert problem_of(answer)["errors"][0]["field"] == "body"


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/notes", "text/plain"),
        ("/notes", "application/x-www-form-urlencoded"),
        ("/notes", "multipart/form-data"),
        ("/notes", ""),
        ("/notes", "json"),
        ("/forms", "text/plain"),
        ("/forms", ""),
        ("/forms", "\xff/\xff"),
    ],
)
def test_a_body_in_a_format_that_is_not_read_is_refused(
    client: FlaskClient, path: str, content_type: str
) -> None:
    answer = client.post(path, data=b'{"text":"a"}', content_type=content_type)
    assert answer.status_code == 415
    assert problem_of(answer)["errors"][0]["field"] == "Content-Type"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b'"text"', "body"),
        (b"[]", "body"),
        (b"null", "body"),
        (b'{"text": "\xff"}', "body"),
        (b'{"text": "\\ud800"}', "body"),
        (b"[" * 100_000, "body"),
        (b"{}", "text"),
        (b'{"text": 1}', "text"),
        (b'{"text": null}', "text"),
        (b'{"text": "too long"}', "text"),
    ],
)
def test_a_wrong_body_is_refused_and_the_field_named(
    client: FlaskClient, body: bytes, field: str
) -> None:
    answer = client.post("/notes", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert [error["field"] for error in problem_of(answer)["errors"]] == [field]


def test_an_error_of_the_framework_is_a_problem_too(client: FlaskClient) -> None:
    problem = problem_of(client.get("/teapot"))
    assert (problem["status"], problem["title"]) == (418, "I'm a Teapot")


def test_no_answer_names_the_software_behind_it(client: FlaskClient, view: Raises) -> None:
    view.error = ValueError("no")
    for answer in (client.get("/fail"), client.get("/nope"), client.delete("/notes")):
        said = f"{answer.headers}{answer.text}".lower()
        assert not any(name in said for name in ("werkzeug", "flask", "python", "granian/"))
