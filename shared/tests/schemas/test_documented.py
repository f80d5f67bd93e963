"""What the OpenAPI documents say of fields beyond what Pydantic itself knows of them."""

from typing import Annotated, Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError

from delinkcious.schemas.common import Documented, Paging, Text
from delinkcious.schemas.links import ChangeLinks, CheckLinks, LinkFilters


class Thing(BaseModel):
    colour: Annotated[str, Documented(format="colour")] = ""
    name: Text


def test_a_format_is_told_and_nothing_is_checked() -> None:
    assert Thing.model_json_schema()["properties"]["colour"]["format"] == "colour"
    assert Thing(colour="no colour", name="a").colour == "no colour"


def test_that_texts_have_no_nul_is_told() -> None:
    validator = Draft202012Validator(Thing.model_json_schema())
    assert validator.is_valid({"name": "a\nb"})
    assert not validator.is_valid({"name": "a\0b"})


@pytest.mark.parametrize(
    ("field", "format_"),
    [("q", "search-query"), ("url_regex", "posix-regex"), ("start_token", "page-token")],
)
def test_rules_that_json_schema_cannot_tell_have_a_format(field: str, format_: str) -> None:
    said = LinkFilters.model_json_schema()["properties"][field]["anyOf"][0]
    assert said["format"] == format_
    assert Paging.model_json_schema()["properties"]["start_token"]["anyOf"][0]["maxLength"] == 1024


GOOD: list[dict[str, Any]] = [
    {"ids": [1], "delete": True},
    {"q": "a", "start_token": "x", "check": True},
    {"q": "a", "ids": None, "add_tags": ["b"], "delete": False},
    {"ids": [], "visibility": "private", "remove_tags": ["b"]},
    {"ids": [1], "delete": True, "check": False, "add_tags": [], "visibility": None},
]
BAD: list[dict[str, Any]] = [
    {"delete": True},
    {"ids": [1], "q": "a", "delete": True},
    {"ids": [1], "start_token": "x", "delete": True},
    {"ids": [1]},
    {"ids": [1], "add_tags": [], "delete": False},
    {"ids": [1], "delete": True, "check": True},
    {"ids": [1], "delete": True, "add_tags": ["b"]},
]


@pytest.mark.parametrize("change", GOOD)
def test_a_change_names_links_in_one_way_and_says_what_to_do(change: dict[str, Any]) -> None:
    assert Draft202012Validator(ChangeLinks.model_json_schema()).is_valid(change)


@pytest.mark.parametrize("change", BAD)
def test_any_other_change_is_against_the_document(change: dict[str, Any]) -> None:
    assert not Draft202012Validator(ChangeLinks.model_json_schema()).is_valid(change)


@pytest.mark.parametrize(
    ("check", "good"),
    [
        ({"url": "http://a.example"}, True),
        ({"ids": [1], "url": None}, True),
        ({}, False),
        ({"url": None}, False),
        ({"url": "http://a.example", "ids": [1]}, False),
    ],
)
def test_links_to_be_checked_are_named_in_one_way(check: dict[str, Any], good: bool) -> None:
    assert Draft202012Validator(CheckLinks.model_json_schema()).is_valid(check) == good


def test_no_nul_is_checked_as_it_is_told() -> None:
    with pytest.raises(ValidationError):
        Thing(name="a\0b")
