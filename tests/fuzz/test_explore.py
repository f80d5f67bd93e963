"""What the exploration finds, and what it passes over."""

from typing import Annotated

import pytest
from flask import Response
from pydantic import BaseModel, Field, WithJsonSchema

from delinkcious.errors import InvalidArgument
from delinkcious.http.app import RestApp, create_app, json_response
from delinkcious.http.decode import ANY, QUERY, reads
from delinkcious.schemas.common import Documented, Text
from tests.fuzz.apis import Api
from tests.fuzz.explore import explore


class Thing(BaseModel):
    name: Annotated[Text, Field(max_length=9)]
    tag: Annotated[Text, Documented(format="tag")] = "t"
    size: int = Field(1, ge=1, le=9)


class ThingSchema(BaseModel):
    name: str


def api_that(answers: object, **options: str) -> Api:
    """Returns an API whose only call does as a function of its name and tag says."""
    app: RestApp = create_app(__name__, title="Things", version="1", auth=None)

    @app.post("/things")
    @reads(app, Thing, ANY)
    @app.output(ThingSchema)
    def add_thing(thing: Thing) -> Response:
        assert callable(answers)
        response: Response = answers(thing)
        return response

    return Api("things", app, lambda _call: {})


def good(thing: Thing) -> Response:
    return json_response({"name": thing.name})


def broken(thing: Thing) -> Response:
    return json_response({"name": thing.name[7]})


def of_another_form(thing: Thing) -> Response:
    return json_response({"nom": thing.name})


def undocumented(thing: Thing) -> Response:
    return json_response({}, 418)


def picky(thing: Thing) -> Response:
    raise InvalidArgument.of("name", "is not to my taste")


def picky_about_tags(thing: Thing) -> Response:
    raise InvalidArgument.of("tag", "is no tag")


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        (broken, "Server error"),
        (of_another_form, "Response violates schema"),
        (undocumented, "Undocumented status code"),
        (picky, "Schema-valid request rejected"),
    ],
)
def test_what_is_not_as_the_document_says_is_found(answers: object, found: str) -> None:
    report = explore(api_that(answers), examples=3, seed=1)
    assert any(found in fault for fault in report.faults), report.faults


@pytest.mark.parametrize("answers", [good, picky_about_tags])
def test_what_is_as_it_says_and_what_it_cannot_say_is_passed_over(answers: object) -> None:
    report = explore(api_that(answers), examples=3, seed=1)
    assert report.faults == []


def test_what_is_accepted_against_the_document_is_found() -> None:
    app = create_app(__name__, title="Things", version="1", auth=None)

    class Anything(BaseModel):
        size: Annotated[str, WithJsonSchema({"type": "integer"})] = ""

    @app.get("/things")
    @reads(app, Anything, QUERY)
    @app.output({})
    def get_things(wanted: Anything) -> Response:
        return json_response({})

    report = explore(Api("things", app, lambda _call: {}), examples=3, seed=1)
    assert any("Schema-violating request accepted" in fault for fault in report.faults)
