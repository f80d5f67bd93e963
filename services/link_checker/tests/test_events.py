"""What the link checker consumes, and what it publishes."""

from datetime import UTC, datetime

import orjson
import pytest

from delinkcious.messaging.event import Event, MalformedEvent
from link_checker.domain import Finding, Outcome
from link_checker.events import CheckRequest, checked, checked_on_request

URL = "https://example.com/"


def request(**data: object) -> Event:
    return Event(type="links.check.requested", source="/link-manager", key="7", data=data)


def test_a_request_names_the_url_and_its_id() -> None:
    assert CheckRequest.of(request(url_id=7, url=URL)) == CheckRequest(7, URL)


@pytest.mark.parametrize("wanted", [False, True])
def test_a_request_says_whether_the_title_is_wanted(wanted: bool) -> None:
    asked = request(url_id=7, url=URL, title_wanted=wanted)
    assert CheckRequest.of(asked) == CheckRequest(7, URL, title_wanted=wanted)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"url": URL}, "url_id"),
        ({"url_id": "7", "url": URL}, "url_id"),
        ({"url_id": 7}, "url"),
        ({"url_id": 7, "url": URL, "title_wanted": "yes"}, "title_wanted"),
    ],
)
def test_a_request_that_cannot_be_read_is_malformed(data: dict[str, object], field: str) -> None:
    with pytest.raises(MalformedEvent) as caught:
        CheckRequest.of(request(**data))
    assert [violation.field for violation in caught.value.violations] == [field]


def test_the_result_tells_all_that_was_found() -> None:
    asked = request(url_id=7, url=URL)
    finding = Finding(Outcome.NOT_FOUND, 404, "Not here")
    event = checked_on_request(asked, CheckRequest.of(asked), finding)
    assert (event.type, event.source, event.key) == ("links.checked", "/link-checker", "7")
    data = orjson.loads(event.payload())
    at = datetime.fromisoformat(data.pop("checked_at"))
    assert data == {
        "url_id": 7,
        "url": URL,
        "outcome": "not_found",
        "http_status": 404,
        "title": "Not here",
        "moved_to": None,
    }
    assert at.tzinfo is not None
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60


def test_a_page_that_moved_is_told_with_its_address() -> None:
    data = checked(URL, Finding(Outcome.MOVED, 200, moved_to="https://example.org/")).data
    assert (data["outcome"], data["moved_to"]) == ("moved", "https://example.org/")


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_told_by_its_name(outcome: Outcome) -> None:
    assert checked(URL, Finding(outcome)).data["outcome"] == outcome.value


def test_the_result_of_one_request_has_one_id() -> None:
    asked = request(url_id=7, url=URL)
    first, second = (
        checked_on_request(asked, CheckRequest.of(asked), Finding(outcome))
        for outcome in (Outcome.OK, Outcome.TIMEOUT)
    )
    other = request(url_id=7, url=URL)
    third = checked_on_request(other, CheckRequest.of(other), Finding(Outcome.OK))
    assert first.id == second.id != third.id


def test_who_just_wants_to_know_gives_no_id() -> None:
    event = checked(URL, Finding(Outcome.OK, 200))
    assert (event.key, event.data["url_id"], event.data["url"]) == (URL, None, URL)
    assert event.id != checked(URL, Finding(Outcome.OK, 200)).id
