"""Whether one has saved a URL already, through the gateway."""

import pytest
from werkzeug.test import TestResponse

from api_gateway.testing import Caller, fields

URL = "https://www.python.org/"


def look_up(caller: Caller, url: str) -> TestResponse:
    return caller.get("/v1/links/lookup", query_string={"url": url})


@pytest.mark.parametrize(
    "spelling", [URL, "HTTPS://WWW.PYTHON.ORG:443", f"{URL}#top", f"{URL}?utm_source=x"]
)
def test_a_link_is_found_in_any_spelling_of_its_url(alice: Caller, spelling: str) -> None:
    link = alice.add(URL, title="Python")
    found = look_up(alice, spelling)
    assert (found.status_code, found.json) == (200, {"link": link, "saved_by": 1})


def test_a_url_that_one_has_not_saved_says_how_many_others_have(alice: Caller, bob: Caller) -> None:
    assert look_up(alice, URL).json == {"link": None, "saved_by": 0}
    bob.add(URL)
    assert look_up(alice, URL).json == {"link": None, "saved_by": 1}


def test_a_private_link_shows_to_its_owner_alone(alice: Caller, bob: Caller) -> None:
    link = alice.add(URL, visibility="private")
    assert look_up(alice, URL).json == {"link": link, "saved_by": 0}
    assert look_up(bob, URL).json == {"link": None, "saved_by": 0}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "url=",
        "url=python.org",
        "url=javascript:alert(1)",
        "url=https://",
        "url=https://a%00b.example/",
        "url=https://a.example/&url=https://b.example/",
        "url=https://example.com/" + "x" * 2100,
    ],
)
def test_what_is_no_url_is_refused_and_named(alice: Caller, query: str) -> None:
    response = alice.get(f"/v1/links/lookup?{query}")
    assert (response.status_code, fields(response)) == (400, ["url"])
