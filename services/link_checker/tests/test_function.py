"""The check as a function, without a web framework."""

import pytest

from delinkcious.errors import DelinkciousError, InvalidArgument, http_status
from delinkcious.object_model.links import LinkStatus
from delinkcious.testing.messaging import InMemoryBlockingPublisher
from link_checker.domain import Finding, Outcome
from link_checker.function import CheckLink, LinkCheckFunction
from link_checker.memory import InMemoryChecker

GOOD = "https://example.com/"
DEAD = "https://example.com/dead"
MOVED = "https://example.com/moved"
TITLED = "https://example.com/titled"


@pytest.fixture
def checker() -> InMemoryChecker:
    return InMemoryChecker(
        {
            DEAD: Finding(Outcome.NOT_FOUND, 404),
            TITLED: Finding(Outcome.OK, 200, "A title"),
            MOVED: Finding(Outcome.MOVED, 200, moved_to=GOOD),
        }
    )


@pytest.fixture
def publisher() -> InMemoryBlockingPublisher:
    return InMemoryBlockingPublisher()


@pytest.fixture
def function(checker: InMemoryChecker, publisher: InMemoryBlockingPublisher) -> LinkCheckFunction:
    return LinkCheckFunction(checker, publisher)


@pytest.mark.parametrize(
    ("url", "outcome", "status", "http"),
    [
        (GOOD, Outcome.OK, LinkStatus.VALID, 200),
        (DEAD, Outcome.NOT_FOUND, LinkStatus.INVALID, 404),
    ],
)
def test_it_tells_what_it_found_and_publishes_it(
    function: LinkCheckFunction,
    publisher: InMemoryBlockingPublisher,
    url: str,
    outcome: Outcome,
    status: LinkStatus,
    http: int,
) -> None:
    checked = function(CheckLink(username="alice", url=url))
    found = (checked.url, checked.outcome, checked.status, checked.http_status)
    assert found == (url, outcome, status, http)
    (event,) = publisher.events
    assert (event.type, event.data["url"], event.data["url_id"]) == ("links.checked", url, None)
    assert event.data["outcome"] == outcome
    assert "alice" not in str(event)


@pytest.mark.parametrize(("wanted", "title"), [(True, "A title"), (False, None)])
def test_it_tells_the_title_to_who_wants_it(
    function: LinkCheckFunction,
    publisher: InMemoryBlockingPublisher,
    wanted: bool,
    title: str | None,
) -> None:
    checked = function(CheckLink(username="alice", url=TITLED, title_wanted=wanted))
    assert checked.title == title
    assert publisher.events[0].data["title"] == title


def test_it_tells_where_a_page_moved(function: LinkCheckFunction) -> None:
    checked = function(CheckLink(username="alice", url=MOVED))
    found = (checked.outcome, checked.status, checked.moved_to)
    assert found == (Outcome.MOVED, LinkStatus.VALID, GOOD)


@pytest.mark.parametrize("url", ["nonsense", "ftp://example.com/", "http://u:p@example.com/"])
def test_what_is_no_web_address_is_neither_checked_nor_published(
    function: LinkCheckFunction,
    checker: InMemoryChecker,
    publisher: InMemoryBlockingPublisher,
    url: str,
) -> None:
    with pytest.raises(InvalidArgument):
        function(CheckLink(username="alice", url=url))
    assert not checker.checked
    assert not publisher.events


def test_a_result_that_cannot_be_published_is_a_failure(
    function: LinkCheckFunction, publisher: InMemoryBlockingPublisher
) -> None:
    publisher.down = True
    with pytest.raises(DelinkciousError, match="published") as caught:
        function(CheckLink(username="alice", url=GOOD))
    assert http_status(caught.value) == 500
