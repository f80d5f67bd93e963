"""Links on the wire: what may be asked, and what it becomes."""

from typing import Any

import pytest
from pydantic import ValidationError

from delinkcious.object_model.links import LinkStatus, Visibility
from delinkcious.schemas.links import AddLink, LinkFilters, UpdateLink

URL = "https://www.python.org/"


def test_a_link_needs_no_more_than_a_url() -> None:
    link = AddLink(url=URL).to_link()
    assert (link.url, link.title, link.description, link.tags) == (URL, "", "", ())
    assert link.visibility is Visibility.PUBLIC


def test_a_link_keeps_what_it_is_given() -> None:
    values = {"url": URL, "title": "T", "description": "D", "tags": ["a", "b"]}
    link = AddLink.model_validate({**values, "visibility": "private"}).to_link()
    assert (link.title, link.description, link.tags) == ("T", "D", ("a", "b"))
    assert link.visibility is Visibility.PRIVATE


def test_a_change_tells_what_is_left_out_from_what_is_emptied() -> None:
    change = UpdateLink(url=URL, title="", add_tags=["a"]).to_change()
    assert (change.title, change.description, change.visibility) == ("", None, None)
    assert (change.add_tags, change.remove_tags) == (("a",), ())


LIMITS = [
    ("url", 2048), ("title", 500), ("description", 10_000),
]  # fmt: skip


@pytest.mark.parametrize(("field", "limit"), LIMITS)
def test_texts_have_a_longest_length(field: str, limit: int) -> None:
    for model in (AddLink, UpdateLink):
        assert model.model_validate({"url": URL, field: "x" * limit})
        with pytest.raises(ValidationError, match=field):
            model.model_validate({"url": URL, field: "x" * (limit + 1)})


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"url": ""}, "url"),
        ({"url": None}, "url"),
        ({"url": 7}, "url"),
        ({"visibility": "secret"}, "visibility"),
        ({"tags": ["x"] * 51}, "tags"),
        ({"tags": "x"}, "tags"),
        ({"tags": [None]}, "tags"),
    ],
)
def test_what_is_wrong_is_named(values: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as error:
        AddLink.model_validate({"url": URL, **values})
    assert {mistake["loc"][0] for mistake in error.value.errors()} == {field}


def test_filters_become_a_query() -> None:
    filters = LinkFilters.model_validate(
        {"url_regex": "u", "tag": ["a", "b"], "status": "valid", "page_size": 5}
    )
    query = filters.to_query("alice", public_only=True)
    assert (query.username, query.url_regex, query.title_regex) == ("alice", "u", None)
    assert (query.tags, query.status, query.page_size) == (("a", "b"), LinkStatus.VALID, 5)
    assert query.public_only


def test_a_filter_that_matches_everything_by_mistake_is_refused() -> None:
    for field in ("url_regex", "title_regex", "description_regex"):
        with pytest.raises(ValidationError, match=field):
            LinkFilters.model_validate({field: ""})
