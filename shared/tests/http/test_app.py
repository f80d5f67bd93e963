"""The application that every REST service begins with."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import orjson
import pytest
from flask import Response, url_for
from flask.testing import FlaskClient

from delinkcious.errors import NotFound
from delinkcious.http.app import create_app, json_response, no_content, stream_response
from delinkcious.testing.peers import auth_for, calling_as


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Thing:
    name: str
    colour: Colour
    at: datetime


CLOSED: list[int] = []
"""Streams that were closed."""
THING = Thing("caf\xe9", Colour.RED, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


@pytest.fixture
def client() -> FlaskClient:
    app = create_app(__name__, title="Things", version="1", auth=None)

    @app.get("/dictionary")
    def dictionary() -> Any:
        return {"name": "caf\xe9"}

    @app.get("/stream/<int:number>")
    def stream(number: int) -> Response:
        def chunks() -> Iterator[bytes]:
            try:
                if number == 0:
                    raise NotFound("There is nothing.")
                for _ in range(number):
                    yield b"chunk "
            finally:
                CLOSED.append(number)

        return stream_response(chunks(), "text/plain", **{"X-Number": str(number)})

    @app.get("/empty")
    def empty() -> Response:
        return stream_response([], "text/plain")

    @app.delete("/thing")
    def delete() -> Response:
        return no_content()

    return app.test_client()


@pytest.mark.parametrize("content", [THING, b'{"name":"caf\xc3\xa9"}', {"things": [THING]}])
def test_json_is_utf8_and_says_so(content: Any) -> None:
    response = json_response(content, 201, Location="/things/1")
    assert (response.status_code, response.headers["Location"]) == (201, "/things/1")
    assert response.content_type == "application/json"
    assert "caf\xe9" in response.get_data(as_text=True)


def test_values_of_the_object_model_become_json() -> None:
    decoded = orjson.loads(json_response(THING).get_data())
    assert decoded == {"name": "caf\xe9", "colour": "red", "at": "2026-01-02T03:04:05+00:00"}


def test_a_view_may_return_a_dictionary(client: FlaskClient) -> None:
    assert client.get("/dictionary").json == {"name": "caf\xe9"}


def test_no_content_is_nothing_and_has_no_type(client: FlaskClient) -> None:
    answer = client.delete("/thing")
    assert (answer.status_code, answer.data) == (204, b"")
    assert "Content-Type" not in answer.headers


def test_a_stream_is_sent_as_it_is_made(client: FlaskClient) -> None:
    answer = client.get("/stream/3")
    assert (answer.status_code, answer.data) == (200, b"chunk " * 3)
    assert (answer.content_type, answer.headers["X-Number"]) == ("text/plain", "3")
    assert "Content-Length" not in answer.headers
    assert client.get("/empty").data == b""


def test_a_stream_that_fails_before_it_begins_is_a_problem(client: FlaskClient) -> None:
    answer = client.get("/stream/0")
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_stream_is_closed_however_far_it_was_read(client: FlaskClient, method: str) -> None:
    CLOSED.clear()
    client.open("/stream/100", method=method).close()
    assert CLOSED == [100]


def test_it_serves_its_description_and_no_files_and_no_pages(client: FlaskClient) -> None:
    assert client.get("/openapi.json").json["openapi"].startswith("3.1")  # type: ignore[index]
    for path in ("/docs", "/redoc", "/static/a.js", "/favicon.ico", "/"):
        assert client.get(path).status_code == 404


def test_behind_mutual_authentication_nobody_sees_the_description() -> None:
    """It names what there is to attack; the files of the repository have it."""
    app = create_app(__name__, title="Things", version="1", auth=auth_for("ann"))
    assert app.test_client().get("/openapi.json", headers=calling_as("ann")).status_code == 404


def test_a_read_may_ask_for_the_headers_only(client: FlaskClient) -> None:
    answer = client.head("/dictionary")
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.content_length


@pytest.mark.parametrize("host", ["evil.example", "[::1", "a b", "", "x" * 300])
def test_the_host_that_a_request_names_changes_nothing(client: FlaskClient, host: str) -> None:
    answer = client.get("/dictionary", headers={"Host": host})
    assert answer.status_code in {200, 400}
    assert host == "" or host not in answer.text


def test_the_url_of_a_route_can_be_built() -> None:
    """Routes learn it when they are asked, not when they are made."""
    app = create_app(__name__, title="Things", version="1", auth=None)
    app.add_url_rule("/things/<int:number>", "thing", lambda number: "")
    with app.test_request_context():
        assert url_for("thing", number=3) == "/things/3"
        assert url_for("thing", number=3, q="a b") == "/things/3?q=a+b"
