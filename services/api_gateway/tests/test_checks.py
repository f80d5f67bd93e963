"""Having links checked through the gateway."""

from typing import Any

import pytest

from api_gateway.testing import Caller, fields

URL = "https://www.python.org/"


def check(caller: Caller, **wanted: Any) -> tuple[int, Any]:
    response = caller.post("/v1/links/check", json=wanted)
    return response.status_code, response.json


def test_a_link_is_checked_whatever_the_spelling_of_its_url(alice: Caller) -> None:
    alice.add(URL)
    assert check(alice, url="HTTPS://WWW.PYTHON.ORG:443#top") == (202, {"checks": 1})


def test_links_are_checked_by_their_ids_and_those_of_others_passed_over(
    alice: Caller, bob: Caller
) -> None:
    ids = [alice.add(f"{URL}{n}")["id"] for n in range(2)]
    of_bob = bob.add(f"{URL}bob")["id"]
    assert check(alice, ids=[*ids, of_bob, 10**6]) == (202, {"checks": 2})
    assert check(alice, ids=[of_bob]) == (202, {"checks": 0})


def test_the_link_may_be_named_in_a_form_or_in_the_query(alice: Caller) -> None:
    number = alice.add(URL)["id"]
    for options in ({"data": {"url": URL}}, {"query_string": {"ids": [number]}}):
        response = alice.post("/v1/links/check", **options)
        assert (response.status_code, response.json) == (202, {"checks": 1})


def test_a_link_that_one_does_not_have_is_not_found(alice: Caller, bob: Caller) -> None:
    bob.add(URL)
    assert alice.post("/v1/links/check", json={"url": URL}).status_code == 404


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({}, "url"),
        ({"url": URL, "ids": [1]}, "url"),
        ({"url": "ftp://example.com/"}, "url"),
        ({"url": 7}, "url"),
        ({"ids": []}, "ids"),
        ({"ids": list(range(1, 102))}, "ids"),
        ({"ids": ["x"]}, "ids.0"),
        ({"ids": [0]}, "ids.0"),
    ],
)
def test_what_names_no_links_is_refused(alice: Caller, wanted: dict[str, Any], field: str) -> None:
    response = alice.post("/v1/links/check", json=wanted)
    assert (response.status_code, fields(response)) == (400, [field])


def test_it_takes_a_token(http: Any) -> None:
    assert http.post("/v1/links/check", json={"url": URL}).status_code == 401
