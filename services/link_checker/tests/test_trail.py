"""Where redirects lead, and which of them are for good."""

import pytest

from link_checker.domain import Outcome
from link_checker.request import NoAnswer
from link_checker.trail import Trail
from link_checker.urls import WebUrl

START = "http://a.example/page"


def moved_to(*redirects: tuple[int, str]) -> str | None:
    trail = Trail(WebUrl.parse(START))
    for status, location in redirects:
        trail.follow(status, location.encode())
    return trail.moved_to


def test_each_redirect_is_read_where_the_one_before_led() -> None:
    trail = Trail(WebUrl.parse(START))
    trail.follow(302, b"//b.example/x/y")
    trail.follow(302, b"../z")
    assert trail.url.text == "http://b.example/z"


@pytest.mark.parametrize(
    ("redirects", "target"),
    [
        ([], None),
        ([(301, "https://a.example/page")], "https://a.example/page"),
        ([(308, "/b"), (301, "/c")], "http://a.example/c"),
        ([(301, "/b"), (302, "/c"), (301, "/d")], "http://a.example/b"),
        ([(302, "/b")], None),
        ([(303, "/b"), (301, "/c")], None),
        ([(307, "/b"), (308, "/c")], None),
        ([(301, "#part")], None),
        ([(301, "/b"), (301, "/page")], None),
        ([(301, "/" + "x" * 3000)], None),
    ],
)
def test_a_page_has_moved_as_far_as_the_redirects_are_for_good(
    redirects: list[tuple[int, str]], target: str | None
) -> None:
    assert moved_to(*redirects) == target


@pytest.mark.parametrize(
    ("location", "outcome"),
    [("file:///etc/passwd", Outcome.FORBIDDEN_ADDRESS), ("http://[", Outcome.BAD_RESPONSE)],
)
def test_some_redirects_are_not_followed(location: str, outcome: Outcome) -> None:
    with pytest.raises(NoAnswer) as caught:
        moved_to((301, location))
    assert caught.value.outcome is outcome
