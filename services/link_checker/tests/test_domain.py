"""What an HTTP status means."""

import pytest

from delinkcious.object_model.links import LinkStatus
from link_checker.domain import Finding, Outcome, outcome_of_status


@pytest.mark.parametrize(
    ("outcome", "statuses"),
    [
        (Outcome.BAD_RESPONSE, [0, 100, 101]),
        (Outcome.OK, [200, 204, 206, 226, 300, 301, 304]),
        (Outcome.NOT_FOUND, [404]),
        (Outcome.GONE, [410]),
        (Outcome.BLOCKED, [401, 403, 407, 429, 451, 503, 999]),
        (Outcome.CLIENT_ERROR, [400, 402, 405, 406, 418, 499]),
        (Outcome.SERVER_ERROR, [500, 501, 502, 504, 520, 599]),
    ],
)
def test_every_status_has_its_outcome(outcome: Outcome, statuses: list[int]) -> None:
    assert {outcome_of_status(status) for status in statuses} == {outcome}


def test_a_link_is_valid_only_when_its_page_answers_here_or_elsewhere() -> None:
    valid = [o for o in Outcome if Finding(o).link_status is LinkStatus.VALID]
    assert valid == [Outcome.OK, Outcome.MOVED]
