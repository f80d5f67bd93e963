"""Requests into values."""

from enum import StrEnum
from io import BytesIO
from typing import Annotated, Any
from urllib.parse import parse_qs, urlencode

import orjson
import pytest
from flask import Response
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from delinkcious.http.app import MAX_BODY_BYTES, create_app, json_response
from delinkcious.http.decode import (
    ANY,
    JSON,
    NOT_OF_MODELS,
    QUERY,
    parse,
    reads,
    to_invalid_argument,
)
from delinkcious.schemas.common import Paging, Text

FORM = "application/x-www-form-urlencoded"


class Colour(StrEnum):
    RED = "red"


class Wish(Paging):
    """Something with a field of each kind."""

    name: Text
    colour: Colour | None = None
    tags: list[Text] = Field([], max_length=3)
    more: list[Text] | None = None
    public: bool = False


def make_client() -> FlaskClient:
    app = create_app(__name__, title="Wishes", version="1", auth=None)

    @app.get("/query")
    @reads(app, Wish, QUERY)
    @app.output({})
    def by_query(wish: Wish) -> Response:
        return json_response(wish.model_dump())

    @app.post("/json")
    @reads(app, Wish, JSON)
    @app.output({})
    def by_json(wish: Wish) -> Response:
        return json_response(wish.model_dump())

    @app.post("/any")
    @reads(app, Wish, ANY)
    @app.output({})
    def by_any(wish: Wish) -> Response:
        return json_response(wish.model_dump())

    @app.get("/of/<owner>/<place>")
    @reads(app, Wish, QUERY)
    @app.output({})
    def in_path(owner: str, place: str, wish: Wish) -> Response:
        return json_response([owner, place, wish.name])

    return app.test_client()


@pytest.fixture
def client() -> FlaskClient:
    return make_client()


def fields(answer: Any) -> list[str]:
    """Returns the fields that a problem names."""
    return [error["field"] for error in answer.get_json(force=True)["errors"]]


def raw(client: FlaskClient, query: bytes) -> Any:
    """The answer to a query that is sent as it is."""
    return client.get("/query", environ_overrides={"QUERY_STRING": query.decode("latin-1")})


EVERYTHING = {
    "name": "a caf\xe9 \N{SNOWMAN}",
    "colour": "red",
    "tags": ["one", "two"],
    "more": ["three"],
    "public": "true",
    "page_size": "7",
    "start_token": "abc",
}
DECODED = {**EVERYTHING, "public": True, "page_size": 7}


def test_a_query_is_decoded(client: FlaskClient) -> None:
    answer = client.get("/query?" + urlencode(EVERYTHING, doseq=True))
    assert (answer.status_code, answer.json) == (200, DECODED)


def test_a_json_body_is_decoded(client: FlaskClient) -> None:
    for path in ("/json", "/any"):
        answer = client.post(path, data=orjson.dumps(DECODED), content_type="application/json")
        assert (answer.status_code, answer.json) == (200, DECODED)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (b'"page_size": "7"', "page_size"),
        (b'"page_size": true', "page_size"),
        (b'"page_size": 7.5', "page_size"),
        (b'"page_size": 1e300', "page_size"),
        (b'"public": 1', "public"),
        (b'"public": "true"', "public"),
        (b'"tags": {"0": "a"}', "tags"),
        (b'"more": "a"', "more"),
    ],
)
def test_what_json_says_is_taken_as_it_is_said(
    client: FlaskClient, wrong: bytes, field: str
) -> None:
    """As the OpenAPI document has it; only in forms and queries everything is text."""
    answer = client.post("/any", data=b'{"name":"a",%s}' % wrong, content_type="application/json")
    assert (answer.status_code, fields(answer)) == (400, [field])


def test_a_number_may_be_whole_however_it_is_written(client: FlaskClient) -> None:
    """As JSON Schema has it; some languages have no other numbers."""
    body = b'{"name":"a","page_size":7.0,"ignored":[{"deep":1e300}]}'
    answer = client.post("/json", data=body, content_type="application/json")
    assert (answer.status_code, answer.get_json()["page_size"]) == (200, 7)


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "application/vnd.wish+json"]
)
def test_json_has_more_names_than_one(client: FlaskClient, content_type: str) -> None:
    answer = client.post("/json", data=b'{"name":"a"}', content_type=content_type)
    assert answer.status_code == 200


def test_where_anything_goes_a_form_is_decoded(client: FlaskClient) -> None:
    answer = client.post("/any", data=urlencode(EVERYTHING, doseq=True), content_type=FORM)
    assert (answer.status_code, answer.json) == (200, DECODED)


def test_where_anything_goes_a_form_in_parts_is_decoded(client: FlaskClient) -> None:
    answer = client.post("/any", data=EVERYTHING, content_type="multipart/form-data")
    assert (answer.status_code, answer.json) == (200, DECODED)


def test_where_anything_goes_the_query_is_taken_when_there_is_no_body(client: FlaskClient) -> None:
    for content_type in ("", FORM):
        answer = client.post("/any?" + urlencode(EVERYTHING, doseq=True), content_type=content_type)
        assert (answer.status_code, answer.json) == (200, DECODED)


def test_a_body_goes_before_the_query(client: FlaskClient) -> None:
    answer = client.post("/any?name=query", data=b"name=form", content_type=FORM)
    assert answer.json["name"] == "form"  # type: ignore[index]
    answer = client.post("/any?name=query", data=b"{}", content_type="application/json")
    assert (answer.status_code, fields(answer)) == (400, ["name"])


def test_a_form_with_what_the_app_reads_itself_alone_is_empty(client: FlaskClient) -> None:
    for content_type in (FORM, "multipart/form-data"):
        client.application.config[NOT_OF_MODELS] = ()
        form = {"data": {"proof": "x"}, "content_type": content_type}
        assert fields(client.post("/any?name=query", **form)) == ["name"]
        client.application.config[NOT_OF_MODELS] = {"proof"}
        answer = client.post("/any?name=query", **form)
        assert answer.json["name"] == "query"  # type: ignore[index]


def test_a_form_that_makes_no_sense_is_wrong_input(client: FlaskClient) -> None:
    answer = client.post("/any", data=b"no parts", content_type="multipart/form-data; boundary=x")
    assert (answer.status_code, fields(answer)) == (400, ["name"])


def test_files_are_no_fields(client: FlaskClient) -> None:
    answer = client.post("/any", data={"name": (BytesIO(b"a"), "name.txt")})
    assert (answer.status_code, fields(answer)) == (400, ["name"])


def test_what_is_not_known_is_ignored(client: FlaskClient) -> None:
    assert client.get("/query?name=a&utm_source=b&utm_source=c").status_code == 200


def test_what_is_given_twice_is_refused_unless_it_is_a_list(client: FlaskClient) -> None:
    answer = client.get("/query?name=a&name=b&tags=c&tags=d")
    assert (answer.status_code, fields(answer)) == (400, ["name"])
    answer = client.post("/any", data=b"name=a&page_size=1&page_size=2", content_type=FORM)
    assert (answer.status_code, fields(answer)) == (400, ["page_size"])


@pytest.mark.parametrize("character", ["(", "\xe9", "%C3%A9", "%FF", "\udcff"])
def test_a_query_that_no_address_could_pass_on_is_refused(
    client: FlaskClient, character: str
) -> None:
    """What is sent as it is, and what is no UTF-8, becomes longer on its way."""

    def answer(number: int) -> Any:
        return raw(client, b"name=" + (character * number).encode(errors="surrogateescape"))

    assert answer(9_000).status_code == 200
    refused = answer(25_000)
    assert (refused.status_code, fields(refused)) == (400, ["query"])


def test_a_list_may_have_one_element(client: FlaskClient) -> None:
    answer = client.get("/query?name=a&tags=one&more=two")
    assert (answer.json["tags"], answer.json["more"]) == (["one"], ["two"])  # type: ignore[index]


def test_parameters_in_the_path_come_first_and_in_their_order(client: FlaskClient) -> None:
    assert client.get("/of/ann/home?name=a").json == ["ann", "home", "a"]


def test_every_wrong_field_is_named(client: FlaskClient) -> None:
    answer = client.get("/query?colour=blue&page_size=0&tags=a&tags=b&tags=c&tags=d")
    assert answer.status_code == 400
    assert set(fields(answer)) == {"name", "colour", "page_size", "tags"}
    problem = answer.get_json(force=True)
    assert "name: is required" in problem["detail"]


def test_a_field_inside_a_list_is_named_by_its_place(client: FlaskClient) -> None:
    answer = client.post("/json", json={"name": "a", "tags": ["ok", 7]})
    assert fields(answer) == ["tags.1"]


@pytest.mark.parametrize("page_size", ["0", "1001", "1000000000", "9" * 400, "1e3", "", "x", "-1"])
def test_a_page_size_out_of_bounds_is_refused(client: FlaskClient, page_size: str) -> None:
    answer = client.get("/query", query_string={"name": "a", "page_size": page_size})
    assert (answer.status_code, fields(answer)) == (400, ["page_size"])


@pytest.mark.parametrize("field", ["name", "start_token", "tags", "more"])
def test_no_field_may_hold_what_no_store_can(client: FlaskClient, field: str) -> None:
    """Postgres has no NUL in its texts."""
    values = {"name": "a", field: "a\0b"}
    for answer in (
        client.get("/query", query_string=values),
        client.post("/any", data=urlencode(values), content_type=FORM),
    ):
        assert answer.status_code == 400
        assert fields(answer)[0].startswith(field)


@pytest.mark.parametrize(
    ("content_type", "before", "after"),
    [
        (FORM, b"name=", b""),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n',
            b"\r\n--x--\r\n",
        ),
    ],
)
def test_a_form_may_be_as_large_as_any_body(
    client: FlaskClient, content_type: str, before: bytes, after: bytes
) -> None:
    text = "x" * (MAX_BODY_BYTES - len(before + after))
    answer = client.post("/any", data=before + text.encode() + after, content_type=content_type)
    assert answer.json["name"] == text  # type: ignore[index]


def test_a_form_with_more_parts_than_anybody_needs_is_refused(client: FlaskClient) -> None:
    answer = client.post("/any", data={"tags": ["x"] * 2000}, content_type="multipart/form-data")
    assert answer.status_code == 400
    assert "at most 1,000 parameters" in answer.text


@pytest.mark.parametrize(
    ("text", "said"), [("", "at least 1 character"), ("x" * 21, "at most 20 characters")]
)
def test_a_text_has_characters_and_not_items(text: str, said: str) -> None:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(Annotated[Text, Field(min_length=1, max_length=20)]).validate_python(text)
    (violation,) = to_invalid_argument(error.value).violations
    assert violation.detail == f"String should have {said}"


def test_what_pydantic_says_of_the_whole_is_about_the_body() -> None:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(int).validate_python("x")
    (violation,) = to_invalid_argument(error.value).violations
    assert violation.field == "body"


CLIENT = make_client()
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3)
    ),
    max_leaves=5,
)
NAMES = st.sampled_from(list(Wish.model_fields)) | st.text(max_size=3)


def test_bytes_in_a_query_that_are_no_text_are_taken_as_they_are_written(
    client: FlaskClient,
) -> None:
    for query in (b"name=a\xff", b"name=a%FF", b"name=a%ff"):
        assert raw(client, query).json["name"] == "a%FF"


@given(values=st.dictionaries(NAMES, VALUES, max_size=5), path=st.sampled_from(["/json", "/any"]))
def test_no_json_is_a_fault_of_ours(values: dict[str, Any], path: str) -> None:
    try:
        body = orjson.dumps(values)
    except TypeError:
        body = repr(values).encode("utf-8", "surrogatepass")
    answer = CLIENT.post(path, data=body, content_type="application/json")
    assert answer.status_code in {200, 400}


@given(body=st.binary(max_size=50), content_type=st.sampled_from(["application/json", FORM, ""]))
def test_no_bytes_are_a_fault_of_ours(body: bytes, content_type: str) -> None:
    answer = CLIENT.post("/any?name=a", data=body, content_type=content_type)
    assert answer.status_code in {200, 400, 415}


@given(query=st.lists(st.tuples(NAMES, st.text(max_size=5)), max_size=5))
def test_no_query_is_a_fault_of_ours(query: list[tuple[str, str]]) -> None:
    text = urlencode(query, errors="surrogatepass")
    assert CLIENT.get("/query?" + text).status_code in {200, 400}


@given(query=st.text(st.sampled_from("ab=&;+%2F\xe9 \0"), max_size=20).map(str.encode))
def test_a_query_is_parsed_as_the_standard_library_does(query: bytes) -> None:
    expected = parse_qs(query.decode(), keep_blank_values=True, errors="werkzeug.url_quote")
    assert parse(query) == expected


@given(query=st.binary(max_size=50))
def test_no_query_of_bytes_is_a_fault_of_ours(query: bytes) -> None:
    assert raw(CLIENT, b"name=" + query).status_code in {200, 400}


@pytest.mark.parametrize("levels", [33, 1000, 100_000, 500_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_json_may_be_nested_so_deep_and_no_deeper(
    client: FlaskClient, levels: int, opening: bytes, closing: bytes
) -> None:
    def nested(levels: int) -> Any:
        body = b'{"name":"a","extra":' + opening * levels + b"0" + closing * levels + b"}"
        return client.post("/json", data=body[:MAX_BODY_BYTES], content_type="application/json")

    assert nested(31).status_code == 200
    answer = nested(levels)
    assert answer.status_code == 400
    assert answer.json["errors"][0]["field"] == "body"


def test_json_may_be_as_wide_as_it_likes(client: FlaskClient) -> None:
    body = {"name": "a", "extra": [[number] for number in range(10_000)]}
    assert client.post("/json", json=body).status_code == 200


def test_there_may_be_only_so_many_parameters(client: FlaskClient) -> None:
    few, many = "&".join(["a"] * 990), "&".join(["a"] * 1001)
    assert client.get(f"/query?name=x&{few}").status_code == 200
    assert client.get(f"/query?{many}").status_code == 400
    assert client.post("/any", data=f"name=x&{few}", content_type=FORM).status_code == 200
    assert client.post("/any", data="a&" * 400_000, content_type=FORM).status_code == 400
