"""What the history of links says that their author's followers may see."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from delinkcious.object_model.news import NewsEventType
from tools.consistency.feeds import histories

START = datetime(2026, 1, 1, tzinfo=UTC)


def shown(*events: tuple[str, int, str]) -> list[tuple[int, str]]:
    """The links and the kinds of events that may be seen after these."""
    told = histories(
        (f"links.{what}", "alice", data(number, visibility), START + timedelta(seconds=place))
        for place, (what, number, visibility) in enumerate(events)
    )
    kinds = {kind: kind.value.removeprefix("link_") for kind in NewsEventType}
    return [
        (int(each.url.rsplit("/", 1)[1]), kinds[each.kind] + "?" * each.optional)
        for each in told.get("alice", ())
    ]


def data(number: int, visibility: str) -> dict[str, Any]:
    return {"link": {"id": number, "url": f"http://a.example/{number}", "visibility": visibility}}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([("added", 1, "public")], [(1, "added")]),
        ([("added", 1, "private")], []),
        (
            [("added", 1, "public"), ("updated", 1, "public")],
            [(1, "added"), (1, "updated")],
        ),
        ([("added", 1, "public"), ("updated", 1, "private")], []),
        (
            [("added", 1, "public"), ("updated", 1, "private"), ("updated", 1, "public")],
            [(1, "updated"), (1, "added?")],
        ),
        (
            [("added", 1, "public"), ("updated", 1, "public"), ("deleted", 1, "public")],
            [(1, "deleted")],
        ),
        ([("added", 1, "private"), ("deleted", 1, "private")], []),
        (
            [("added", 1, "public"), ("added", 2, "public"), ("deleted", 1, "public")],
            [(1, "deleted"), (2, "added")],
        ),
    ],
)
def test_what_may_be_seen(
    events: list[tuple[str, int, str]], expected: list[tuple[int, str]]
) -> None:
    assert shown(*events) == expected
