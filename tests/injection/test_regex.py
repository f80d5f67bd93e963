"""Regular expressions that take for ever are cut off within a second."""

from itertools import cycle
from time import monotonic
from typing import Any

import pytest

from api_gateway.app import Managers
from delinkcious.errors import InvalidArgument
from delinkcious.object_model.links import LinkQuery, NewLink
from tests.injection.corpus import payloads

pytestmark = pytest.mark.integration

FIELDS = ("url_regex", "title_regex", "description_regex")
REGEXES = [payload.text for payload in payloads() if payload.kind == "regex"]
FOR_EVER = r"(.*)*\1\1\1b"
SECONDS = 1
ATTEMPTS = 3
"""A machine may have other things to do, but not again and again."""


@pytest.fixture
def reader(over: Managers) -> Managers:
    """Somebody has links on which such expressions go back and forth."""
    for number in range(20):
        url = f"https://long.example/{number}/" + "a" * 1900
        over.links.add_link("mallory", NewLink(url, "a" * 480 + "!", "ab" * 4990))
    return over


def seconds_of(reader: Managers, **regexes: str) -> tuple[float, list[str]]:
    """How long it took, and the fields that were refused."""
    begun, refused = monotonic(), []
    try:
        _ = reader.links.get_links(LinkQuery("mallory", **dict[str, Any](regexes))).body
    except InvalidArgument as error:
        refused = [violation.field for violation in error.violations]
    return monotonic() - begun, refused


def test_an_answer_comes_within_a_second_whatever_is_asked(reader: Managers) -> None:
    for regex, field in zip(REGEXES, cycle(FIELDS), strict=False):
        tries = (seconds_of(reader, **{field: regex}) for _ in range(ATTEMPTS))
        assert any(seconds < SECONDS for seconds, _ in tries), (field, regex)


def test_what_takes_for_ever_is_refused_by_name_and_what_does_not_is_not(reader: Managers) -> None:
    _, refused = seconds_of(reader, url_regex="a", description_regex=FOR_EVER)
    assert refused == ["url_regex", "description_regex"]  # either may be to blame
    assert seconds_of(reader, title_regex="a+!$")[1] == []


@pytest.mark.parametrize(
    ("regexes", "field"),
    [
        ({"url_regex": "a", "title_regex": "("}, "title_regex"),
        ({"url_regex": "[z-a]", "title_regex": "a"}, "url_regex"),
    ],
)
def test_of_several_the_one_is_named_that_is_wrong(
    reader: Managers, regexes: dict[str, str], field: str
) -> None:
    assert seconds_of(reader, **regexes)[1] == [field]
