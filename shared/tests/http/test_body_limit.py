"""Bodies over the limit are refused whichever way they come, and the problem says so."""

import http.client
from collections.abc import Iterator

import orjson
import pytest
from flask import Response
from pydantic import BaseModel

from delinkcious.config import Address
from delinkcious.http.app import MAX_BODY_BYTES, create_app, json_response
from delinkcious.http.decode import ANY, reads
from delinkcious.testing.serving import serving


class Note(BaseModel):
    text: str


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    app = create_app(__name__, title="Notes", version="1", auth=None)

    @app.post("/notes")
    @reads(app, Note, ANY)
    @app.output({})
    def add_note(note: Note) -> Response:
        return json_response({"length": len(note.text)})

    with serving(app) as address:
        yield address


def post(address: Address, body: bytes, *, chunked: bool) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection(address.host, address.port, timeout=10)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    pieces = [body[at : at + 65536] for at in range(0, len(body), 65536)]
    try:
        if chunked:
            connection.request("POST", "/notes", iter(pieces), headers, encode_chunked=True)
        else:
            connection.request("POST", "/notes", body, headers)
        answer = connection.getresponse()
        return answer.status, orjson.loads(answer.read())
    finally:
        connection.close()


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_over_the_limit_is_refused_and_named(address: Address, chunked: bool) -> None:
    status, problem = post(address, b"text=" + b"x" * MAX_BODY_BYTES, chunked=chunked)
    assert status == 413
    assert problem["errors"] == [{"field": "body", "detail": "must be at most 1048576 bytes long"}]


@pytest.mark.parametrize("chunked", [True, False])
def test_a_large_body_within_the_limit_is_taken(address: Address, chunked: bool) -> None:
    status, answer = post(address, b"text=" + b"x" * (MAX_BODY_BYTES - 6), chunked=chunked)
    assert (status, answer) == (200, {"length": MAX_BODY_BYTES - 6})
