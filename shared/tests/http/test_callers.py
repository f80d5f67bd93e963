"""Who may call an endpoint."""

from typing import Any

import pytest
from flask import Response, request
from flask.testing import FlaskClient
from pydantic import BaseModel

from delinkcious.auth import CALLER_TOKEN_HEADER, MutualAuth, Refusal
from delinkcious.http import observe
from delinkcious.http.app import RestApp, create_app, json_response
from delinkcious.http.decode import JSON, reads
from delinkcious.http.openapi import operations
from delinkcious.testing.peers import auth_for, calling_as

CALLERS = {
    "GET /notes": {"ann", "bob"},
    "POST /notes": {"ann"},
    "GET /notes/<id:number>": {"ann"},
}


class Note(BaseModel):
    text: str


def make_app(auth: MutualAuth) -> RestApp:
    app = create_app(__name__, title="Notes", version="1", auth=auth, allowed=CALLERS)

    @app.get("/notes")
    def read() -> Response:
        return json_response({"caller": observe.caller_of(request.environ)})

    @app.get("/notes/<id:number>")
    def read_one(number: int) -> Response:
        return json_response({"number": number})

    @app.post("/notes")
    @reads(app, Note, JSON)
    @app.output({})
    def write(note: Note) -> Response:
        return json_response({"text": note.text})

    @app.get("/forgotten")
    def forgotten() -> Response:
        return json_response({})

    return app


@pytest.fixture
def client() -> FlaskClient:
    return make_app(auth_for("ann", "bob", "eve")).test_client()


def test_a_declared_caller_passes_and_the_view_knows_who_it_is(client: FlaskClient) -> None:
    answer = client.get("/notes", headers=calling_as("bob"))
    assert (answer.status_code, answer.json) == (200, {"caller": "bob"})


def test_the_document_says_that_every_call_needs_a_caller_that_may() -> None:
    document: Any = make_app(auth_for("ann")).spec
    assert document["components"]["securitySchemes"]["caller"]["name"] == CALLER_TOKEN_HEADER
    for _, _, operation in operations(document):
        assert operation["security"] == [{"caller": []}]
        assert {"401", "403"} <= set(operation["responses"])


@pytest.mark.parametrize("headers", [{}, {CALLER_TOKEN_HEADER: ""}, calling_as("mallory")])
def test_without_a_known_token_nobody_is_let_in(
    client: FlaskClient, headers: dict[str, str]
) -> None:
    answer = client.get("/notes", headers=headers)
    assert (answer.status_code, answer.content_type) == (401, "application/problem+json")
    assert "WWW-Authenticate" in answer.headers


def test_a_known_service_that_is_not_declared_is_refused(client: FlaskClient) -> None:
    for method, caller in [("GET", "eve"), ("POST", "bob")]:
        answer = client.open("/notes", method=method, headers=calling_as(caller))
        assert (answer.status_code, answer.content_type) == (403, "application/problem+json")


def test_an_endpoint_that_the_table_does_not_name_can_be_called_by_nobody(
    client: FlaskClient,
) -> None:
    for caller in ("ann", "bob", "eve"):
        assert client.get("/forgotten", headers=calling_as(caller)).status_code == 403


def test_who_calls_is_checked_before_the_body_is_read(client: FlaskClient) -> None:
    answer = client.post("/notes", data=b"{", content_type="application/json")
    assert answer.status_code == 401
    answer = client.post("/notes", data=b"{", headers=calling_as("bob"))
    assert answer.status_code == 403


def test_what_does_not_exist_is_not_found_whoever_asks(client: FlaskClient) -> None:
    assert client.get("/nope").status_code == 404
    assert client.put("/notes").status_code == 405


def test_the_table_names_the_pattern_of_a_path(client: FlaskClient) -> None:
    assert client.get("/notes/7", headers=calling_as("ann")).json == {"number": 7}
    assert client.get("/notes/7", headers=calling_as("bob")).status_code == 403


def test_who_may_read_may_ask_for_the_headers_only_and_nothing_else(client: FlaskClient) -> None:
    assert client.head("/notes", headers=calling_as("bob")).status_code == 200
    assert client.head("/notes", headers=calling_as("eve")).status_code == 403
    assert client.options("/notes", headers=calling_as("bob")).status_code == 403


def test_when_the_check_is_off_anybody_passes() -> None:
    client = make_app(MutualAuth(None)).test_client()
    assert client.get("/notes").json == {"caller": "anonymous"}
    assert client.get("/forgotten").status_code == 200


def test_a_service_cannot_pass_by_its_name() -> None:
    client = make_app(auth_for("anonymous")).test_client()
    assert client.get("/notes", headers=calling_as("anonymous")).status_code == 403


def test_whoever_wants_to_know_is_told_of_calls_that_are_refused() -> None:
    auth, told = auth_for("ann", "eve"), list[Refusal]()
    auth.on_refusal(told.append)
    client = make_app(auth).test_client()
    client.get("/notes/7")
    client.head("/notes", headers=calling_as("eve"))
    client.get("/notes", headers=calling_as("ann"))
    client.get("/nope")
    assert told == [
        Refusal("GET /notes/<id:number>", None, "127.0.0.1"),
        Refusal("GET /notes", "eve", "127.0.0.1"),
    ]
