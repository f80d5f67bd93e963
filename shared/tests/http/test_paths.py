"""What stands in paths."""

from urllib.parse import quote

import pytest
from flask import Response
from flask.testing import FlaskClient

from delinkcious.http.app import create_app, json_response


@pytest.fixture
def client() -> FlaskClient:
    app = create_app(__name__, title="People", version="1", auth=None)

    @app.get("/people/<username:name>")
    def person(name: str) -> Response:
        return json_response({"name": name})

    @app.delete("/people/<username:name>")
    def leave(name: str) -> Response:
        return json_response({"name": name})

    @app.get("/things/<id:number>")
    def thing(number: int) -> Response:
        return json_response({"number": number})

    @app.put("/tags/<tag:name>")
    def tag(name: str) -> Response:
        return json_response({"name": name})

    return app.test_client()


@pytest.mark.parametrize("name", ["alice", "ALICE", "Alice"])
def test_a_username_is_in_lower_case_however_it_is_written(client: FlaskClient, name: str) -> None:
    assert client.get(f"/people/{name}").json == {"name": "alice"}


@pytest.mark.parametrize(
    "name", ["", "a_b", "a--b", "-a", "a%00", "a%20b", "%C3%A9", "%ff", "a%2Fb", "a/b", "x" * 65]
)
def test_what_cannot_be_a_username_is_nobody(client: FlaskClient, name: str) -> None:
    assert client.get(f"/people/{name}").status_code == 404


@pytest.mark.parametrize("name", ["a_b", "a--b", "%C3%A9", "x" * 65])
def test_what_cannot_be_a_username_is_nobody_to_be_deleted_either(
    client: FlaskClient, name: str
) -> None:
    assert client.delete(f"/people/{name}").status_code == 404


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("7", 7), ("007", 7), ("9" * 18, 10**18 - 1)]
)
def test_a_number_is_a_number(client: FlaskClient, text: str, number: int) -> None:
    assert client.get(f"/things/{text}").json == {"number": number}


@pytest.mark.parametrize("text", ["", "-1", "1.0", "1e3", "x", "%D9%A1", "9" * 19, "9" * 5000])
def test_what_no_database_can_hold_is_nothing(client: FlaskClient, text: str) -> None:
    assert client.get(f"/things/{text}").status_code == 404


NAMES = [
    "a", "two words", "über", "日本語", "🦊", "a/b", "/a", "a/", "//", "a//b", ".", "..", "a/../b",
    "%", "%2F", "?", "a?b=c", "#", "c++", "a&b", ";", "\"'", "\\", "a\nb", "x" * 256,
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_tag_is_all_that_is_left_of_the_path(client: FlaskClient, name: str) -> None:
    """Percent-encoded, so that what HTTP takes for signs of its own is a name nevertheless."""
    assert client.put(f"/tags/{quote(name, safe='')}").json == {"name": name}


@pytest.mark.parametrize("name", ["", "x" * 257, "é" * 30_000])
def test_what_no_tag_is_as_long_or_as_short_as_is_nothing(client: FlaskClient, name: str) -> None:
    assert client.put(f"/tags/{quote(name)}").status_code == 404
