"""What is told of a check, and what is not."""

import pytest
from structlog.testing import capture_logs

from delinkcious.testing.measured import measured
from link_checker.domain import Finding, Outcome
from link_checker.memory import InMemoryChecker
from link_checker.observed import ObservedChecker

URL = "https://Example.com:8443/private/page?who=alice#part"


def test_a_check_is_logged_with_nothing_of_the_url_but_its_host() -> None:
    checker = ObservedChecker(InMemoryChecker({URL: Finding(Outcome.NOT_FOUND, 404)}))
    with capture_logs() as lines:
        assert checker.check(URL) == Finding(Outcome.NOT_FOUND, 404)
    (line,) = lines
    assert line.pop("duration_ms") >= 0
    assert line == {
        "event": "link_checked",
        "log_level": "info",
        "outcome": "not_found",
        "http_status": 404,
        "host": "Example.com",
    }


def test_what_is_no_url_has_no_host() -> None:
    with capture_logs() as lines:
        ObservedChecker(InMemoryChecker()).check("alice's secret")
    assert lines[0]["host"] == ""


@pytest.mark.parametrize(
    ("finding", "wanted", "found"),
    [
        (Finding(Outcome.OK, 200, "A title"), True, (1, 0)),
        (Finding(Outcome.MOVED, 200, "A title"), True, (1, 0)),
        (Finding(Outcome.OK, 200), True, (0, 1)),
        (Finding(Outcome.GONE, 410), True, (0, 0)),
        (Finding(Outcome.OK, 200), False, (0, 0)),
    ],
)
def test_titles_are_counted_but_not_told(
    finding: Finding, wanted: bool, found: tuple[int, int]
) -> None:
    def counted() -> list[float]:
        metric = "delinkcious_link_titles_total"
        return [measured(metric, found=x) or 0 for x in ("yes", "no")]

    before = counted()
    with capture_logs() as lines:
        ObservedChecker(InMemoryChecker({URL: finding})).check(URL, title_wanted=wanted)
    assert [now - then for now, then in zip(counted(), before, strict=True)] == list(found)
    assert "A title" not in str(lines)


@pytest.mark.parametrize("outcome", [Outcome.OK, Outcome.TIMEOUT])
def test_checks_are_counted_by_outcome_and_timed(outcome: Outcome) -> None:
    def counted() -> tuple[float, float]:
        return (
            measured("delinkcious_link_checks_total", outcome=outcome.value) or 0,
            measured("delinkcious_link_check_seconds_count") or 0,
        )

    before = counted()
    ObservedChecker(InMemoryChecker({URL: Finding(outcome)})).check(URL)
    assert counted() == (before[0] + 1, before[1] + 1)
