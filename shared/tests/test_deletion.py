"""What services tell each other of deleted users, and the loop that deletes."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delinkcious.deletion import DeletedUser, Purger
from delinkcious.errors import Unavailable
from delinkcious.messaging.event import Event, MalformedEvent

ALICE = DeletedUser(
    "6f9619ff-8b86-4011-b42d-00c04fc964ff", "alice", datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda parts: st.lists(parts) | st.dictionaries(st.text(), parts),
)


def event(data: Any) -> Event:
    return Event(type="users.deleted", source="/user-manager", key="alice", data=data)


def test_what_is_told_can_be_read() -> None:
    assert DeletedUser.of(event(ALICE.to_data())) == ALICE


def test_a_confirmation_does_not_name_the_user() -> None:
    assert "alice" not in str(ALICE.purged_by("link-manager"))


@given(st.dictionaries(st.sampled_from(["deletion_id", "username", "until", "else"]), JSON))
def test_whatever_comes_is_read_or_given_up_on(data: dict[str, Any]) -> None:
    with pytest.raises(MalformedEvent):
        DeletedUser.of(event(data))


@pytest.mark.parametrize("field", ["deletion_id", "username", "until"])
def test_nothing_may_be_missing_or_wrong(field: str) -> None:
    for wrong in (None, 7, "", "tomorrow" if field != "username" else ["alice"]):
        with pytest.raises(MalformedEvent):
            DeletedUser.of(event({**ALICE.to_data(), field: wrong}))


async def test_it_goes_on_until_nothing_is_left() -> None:
    answers = [False, False, True]
    given_to: list[DeletedUser] = []

    def purge_some(user: DeletedUser) -> bool:
        given_to.append(user)
        return answers.pop(0)

    await Purger(purge_some).handle(event(ALICE.to_data()))
    assert given_to == [ALICE] * 3


async def test_what_takes_long_is_tried_again_and_not_counted_as_a_failure() -> None:
    with pytest.raises(Unavailable):
        await Purger(lambda _: False, budget=0).handle(event(ALICE.to_data()))
