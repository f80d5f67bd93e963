"""What the link service asks of the checker, and how it reads the answer."""

from datetime import UTC, datetime

import pytest

from delinkcious.object_model.links import CheckResult
from link_service.events import check_requested, to_check_result

URL = "https://example.com/"
CHECKED = {
    "url_id": 7,
    "url": URL,
    "outcome": "ok",
    "http_status": 200,
    "checked_at": "2024-05-06T07:08:09Z",
}


@pytest.mark.parametrize("wanted", [False, True])
def test_a_check_is_asked_for_with_the_title_or_without(wanted: bool) -> None:
    entry = check_requested(7, URL, title_wanted=wanted)
    assert (entry.subject, entry.key) == ("links.check.requested", "7")
    assert entry.data == {"url_id": 7, "url": URL, "title_wanted": wanted}


@pytest.mark.parametrize("title", [None, "Example Domain"])
def test_what_was_found_is_read_with_the_title(title: str | None) -> None:
    at = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    expected = CheckResult(URL, "ok", 200, at, url_id=7, title=title)
    assert to_check_result({**CHECKED, "title": title}) == expected


def test_a_result_from_before_there_were_titles_has_none() -> None:
    assert to_check_result(CHECKED).title is None
