"""Telling of revoked tokens, and hearing it."""

from typing import Any

import pytest

from delinkcious.messaging.event import Event, MalformedEvent
from delinkcious.revocation import CREDENTIALS_REVOKED, Revocation

DIGEST = bytes(range(32))


def event(data: dict[str, Any]) -> Event:
    return Event(type=CREDENTIALS_REVOKED, source="/user-manager", key="alice", data=data)


@pytest.mark.parametrize(
    "revocation", [Revocation("alice"), Revocation("alice", frozenset({DIGEST, bytes(32)}))]
)
def test_what_is_told_is_what_is_heard(revocation: Revocation) -> None:
    assert Revocation.of(event(dict(revocation.to_data()))) == revocation


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"username": "alice"},
        {"username": None, "all": True},
        {"username": "alice", "all": False},
        {"username": "alice", "digests": None},
        {"username": "alice", "digests": [7]},
        {"username": "alice", "digests": ["zz"]},
        {"username": "alice", "digests": ["ab"]},
    ],
)
def test_what_makes_no_sense_is_malformed(data: dict[str, Any]) -> None:
    with pytest.raises(MalformedEvent):
        Revocation.of(event(data))
