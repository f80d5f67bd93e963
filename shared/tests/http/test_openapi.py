from typing import Any

import pytest
from flask import Response
from pydantic import BaseModel, Field

from delinkcious.errors import AlreadyExists, FailedPrecondition
from delinkcious.http.app import RestApp, create_app, json_response
from delinkcious.http.decode import ANY, QUERY, reads
from delinkcious.http.openapi import operations, problems, takes_file

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


class Size(BaseModel):
    width: int


class ThingSchema(BaseModel):
    size: Size


class NewThing(BaseModel):
    name: str = Field(max_length=9)
    owner: str | None = Field(None, description="whose it is")


class ThingFilter(BaseModel):
    colour: str | None = None


@pytest.fixture
def app() -> RestApp:
    app = create_app(__name__, title="Things", version="1", auth=None)

    @app.get("/things")
    @reads(app, ThingFilter, QUERY)
    @app.output(ThingSchema)
    def get_things(wanted: ThingFilter) -> Response:
        return json_response(wanted.model_dump())

    @app.post("/things")
    @reads(app, NewThing, ANY)
    @app.output(ThingSchema, status_code=201)
    @app.doc(responses=problems(AlreadyExists, FailedPrecondition))
    def add_thing(new: NewThing) -> Response:
        return json_response(new.model_dump(), 201)

    @app.get("/things/<id:number>")
    @app.output(ThingSchema)
    def get_thing(number: int) -> Response:
        return json_response({"size": {"width": number}})

    @app.post("/files")
    @takes_file("text/csv", "application/json")
    @app.output(ThingSchema)
    def add_file() -> Response:
        return json_response({"size": {"width": 1}})

    return app


@pytest.fixture
def document(app: RestApp) -> Any:
    return app.test_client().get("/openapi.json").json


def test_every_error_answer_is_a_problem_document(document: Any) -> None:
    for _, _, operation in operations(document):
        for status, answer in operation["responses"].items():
            assert status < "400" or answer["content"] == PROBLEM


def test_a_call_that_reads_a_body_may_find_it_wrong_too_large_or_of_the_wrong_type(
    document: Any,
) -> None:
    assert {"400", "413", "415"} <= set(document["paths"]["/things"]["post"]["responses"])


def test_a_call_that_reads_only_the_query_cannot_find_its_body_too_large(document: Any) -> None:
    assert set(document["paths"]["/things"]["get"]["responses"]) == {"200", "400", "503"}


def test_two_errors_with_the_same_status_are_both_described(document: Any) -> None:
    described = document["paths"]["/things"]["post"]["responses"]["409"]["description"]
    assert described == (
        "What the call would create is there already. Or: The state of the system forbids the call."
    )


def test_a_body_that_may_be_a_form_may_be_left_out_for_a_query(document: Any) -> None:
    operation = document["paths"]["/things"]["post"]
    assert operation["requestBody"]["required"] is True
    assert "query parameters" in operation["requestBody"]["description"]
    assert operation["parameters"] == []


def test_a_form_has_the_fields_of_the_model_and_is_never_null(document: Any) -> None:
    content = document["paths"]["/things"]["post"]["requestBody"]["content"]
    assert content["application/json"]["schema"] == {"$ref": "#/components/schemas/NewThing"}
    form = content["application/x-www-form-urlencoded"]["schema"]
    assert form["required"] == ["name"]
    assert form["properties"]["owner"] == {"type": "string", "description": "whose it is"}


def test_a_query_parameter_is_never_null(document: Any) -> None:
    (colour,) = document["paths"]["/things"]["get"]["parameters"]
    assert colour["schema"] == {"type": "string"}


def test_what_has_a_name_in_its_path_may_not_be_found(document: Any) -> None:
    assert "404" in document["paths"]["/things/{number}"]["get"]["responses"]
    assert "404" not in document["paths"]["/things"]["get"]["responses"]


def test_a_file_is_the_body_or_a_field_of_a_form_and_as_json_it_is_json(document: Any) -> None:
    content = document["paths"]["/files"]["post"]["requestBody"]["content"]
    assert content["text/csv"]["schema"]["format"] == "binary"
    assert content["application/json"]["schema"] == {"type": ["object", "array"]}
    assert content["multipart/form-data"]["schema"]["required"] == ["file"]


def test_models_have_the_names_that_people_use(document: Any) -> None:
    schemas = document["components"]["schemas"]
    assert set(schemas) == {"NewThing", "Thing", "Size", "Problem", "ProblemField"}
    assert schemas["Thing"]["properties"]["size"] == {"$ref": "#/components/schemas/Size"}


def test_the_document_does_not_name_the_host_it_was_asked_from(app: RestApp) -> None:
    answer = app.test_client().get("/openapi.json", headers={"Host": "evil.example"})
    assert "evil.example" not in answer.text
