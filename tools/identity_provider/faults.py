"""Faults on demand, so that every failure of GitHub can be shown without GitHub failing.

A test plans a fault through the control endpoint; the endpoint it names answers with it, so many
times, and then is well again. What a failure looks like is the endpoints' own business.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, cast

from tools.identity_provider.grants import (
    BadVerificationCode,
    ExchangeRefused,
    IncorrectClientCredentials,
    RedirectUriMismatch,
    UnverifiedUserEmail,
)

ENDPOINTS = frozenset({"access_token", "user", "emails"})
STATUSES = frozenset({403, 429, 500, 502, 503, 504})
LONGEST_DELAY_SECONDS = 300
MOST_TIMES = 1000
REFUSALS: dict[str, type[ExchangeRefused]] = {
    refusal.error: refusal
    for refusal in (
        BadVerificationCode,
        IncorrectClientCredentials,
        RedirectUriMismatch,
        UnverifiedUserEmail,
    )
}


class InvalidFault(Exception):
    """The document does not describe a fault; `field` says which part of it."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field} {rule}")
        self.field = field


@dataclass(frozen=True, slots=True)
class Fault:
    """What an endpoint does instead of, or (with a delay only) before, answering."""

    endpoint: str
    status: int | None = None
    error: str | None = None
    delay_seconds: float = 0
    times: int = 1

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Fault":
        """Read a fault from JSON.

        Raises:
            InvalidFault: naming the first field that is wrong.
        """
        if "endpoint" not in document:
            raise InvalidFault("endpoint", "is missing")
        for field, value in document.items():
            is_right, rule = _RULES.get(field, (_never, "is not a field of a fault"))
            if not is_right(value):
                raise InvalidFault(field, rule)
        if "error" in document and document["endpoint"] != "access_token":
            raise InvalidFault("error", "is for access_token only")
        if not document.keys() & {"status", "error", "delay_seconds"}:
            raise InvalidFault("status", "is missing, and so are error and delay_seconds")
        return cls(**document)


def _never(_: object) -> bool:
    return False


def _is_delay(value: object) -> bool:
    return type(value) in {int, float} and 0 <= cast("float", value) <= LONGEST_DELAY_SECONDS


_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "endpoint": (
        lambda value: type(value) is str and value in ENDPOINTS,
        f"must be one of {', '.join(sorted(ENDPOINTS))}",
    ),
    "status": (
        lambda value: type(value) is int and value in STATUSES,
        f"must be one of {', '.join(map(str, sorted(STATUSES)))}",
    ),
    "error": (
        lambda value: type(value) is str and value in REFUSALS,
        f"must be one of {', '.join(sorted(REFUSALS))}",
    ),
    "delay_seconds": (_is_delay, f"must be a number from 0 to {LONGEST_DELAY_SECONDS}"),
    "times": (
        lambda value: type(value) is int and 1 <= value <= MOST_TIMES,
        f"must be a whole number from 1 to {MOST_TIMES}",
    ),
}


class Faults:
    """The faults still to come, first planned first; safe to share by threads. `pause` is how a
    delay passes its seconds.
    """

    def __init__(self, pause: Callable[[float], object]) -> None:
        self._pause = pause
        self._lock = Lock()
        self._planned: list[Fault] = []

    def plan(self, fault: Fault) -> None:
        """Let the endpoint fail this way after the faults already planned for it."""
        with self._lock:
            self._planned.append(fault)

    def clear(self) -> None:
        """Forget every fault still to come."""
        with self._lock:
            self._planned.clear()

    def strike(self, endpoint: str) -> Fault | None:
        """The endpoint's next fault, if one is planned, after its delay."""
        fault = self._take(endpoint)
        if fault is not None and fault.delay_seconds:
            self._pause(fault.delay_seconds)
        return fault

    def _take(self, endpoint: str) -> Fault | None:
        with self._lock:
            for index, fault in enumerate(self._planned):
                if fault.endpoint == endpoint:
                    self._planned[index : index + 1] = (
                        [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
                    )
                    return fault
        return None
