"""What somebody did, as it is told and stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

from delinkcious.audit.origin import NOWHERE, Origin, cleaned
from delinkcious.messaging.event import Event, MalformedEvent
from delinkcious.redaction import is_secret

RECORDED: Final = "audit.recorded"

_MAX_TEXT: Final = 500
_MAX_DETAILS: Final = 20


class Action(StrEnum):
    """What was done. More may come: whoever reads the trail shows what it does not know."""

    ACCOUNT_CREATED = "account_created"
    ACCOUNT_DELETED = "account_deleted"
    ACCOUNT_EXPORTED = "account_exported"
    LINKS_EXPORTED = "links_exported"
    LOGGED_IN = "logged_in"
    LOGIN_FAILED = "login_failed"
    LOGGED_OUT = "logged_out"
    SESSION_REVOKED = "session_revoked"
    SESSIONS_REVOKED = "sessions_revoked"
    TOKEN_CREATED = "token_created"
    TOKEN_REVOKED = "token_revoked"
    FEED_SECRET_CREATED = "feed_secret_created"
    FEED_SECRET_REVOKED = "feed_secret_revoked"
    LIMITS_CHANGED = "limits_changed"
    CALL_REFUSED = "call_refused"


class Outcome(StrEnum):
    """What came of it."""

    SUCCESS = "success"
    FAILURE = "failure"
    REFUSED = "refused"


Detail = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that somebody did.

    Attributes:
        username: whose account it concerns; None if that is nobody's, or not known.
        github_id: whose it is, where GitHub has said so and the username is not known.
        token_id: the API token that was made or revoked.
        origin: from where it was done; with which credential, goes to the details.
        details: what else there is to say, by short names.

    Raises:
        ValueError: a detail has the name of a secret, which it must not even once be.
    """

    action: str
    outcome: str = Outcome.SUCCESS
    username: str | None = None
    github_id: int | None = None
    origin: Origin = NOWHERE
    token_id: int | None = None
    token_name: str | None = None
    details: Mapping[str, Detail] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuses secrets by their names; by their form they are made unreadable."""
        if secrets := [name for name in self.details if is_secret(name)]:
            raise ValueError(f"no details for the audit trail: {', '.join(secrets)}")

    def to_data(self) -> dict[str, Any]:
        """Returns the event's data."""
        return {
            "action": self.action,
            "outcome": self.outcome,
            "username": self.username,
            "github_id": self.github_id,
            "address": self.origin.address,
            "user_agent": self.origin.user_agent,
            "token_id": self.token_id,
            "token_name": _optional(self.token_name),
            "details": {name: _detail(value) for name, value in self._all_details().items()},
        }

    def _all_details(self) -> Mapping[str, Detail]:
        by = self.origin.credential
        return {**self.details, "by": by} if by else self.details

    def to_event(self, service: str) -> Event:
        """Returns the event, for who has no outbox."""
        key = self.username or service
        return Event(type=RECORDED, source=f"/{service}", key=key, data=self.to_data())

    @classmethod
    def of(cls, event: Event) -> Self:
        """Reads an event.

        Raises:
            MalformedEvent: it tells of no act.
        """
        data = event.data
        try:
            return cls(
                action=_text(data["action"]),
                outcome=_text(data["outcome"]),
                username=_optional(data["username"]),
                github_id=_number(data["github_id"]),
                origin=Origin.of(data["address"], data["user_agent"]),
                token_id=_number(data["token_id"]),
                token_name=_optional(data["token_name"]),
                details=_details(data["details"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise MalformedEvent.of("data", f"tells of no act: {error!r}") from None


def _text(value: str) -> str:
    if text := cleaned(value, _MAX_TEXT):
        return text
    raise ValueError("an empty text")


def _optional(value: str | None) -> str | None:
    return None if value is None else cleaned(value, _MAX_TEXT) or None


def _number(value: Any) -> int | None:
    if value is None or (type(value) is int and 0 <= value < 2**63):
        return value
    raise ValueError(f"{value!r} is no number of ours")


def _details(value: Mapping[str, Any]) -> dict[str, Detail]:
    if len(value) > _MAX_DETAILS:
        raise ValueError(f"{len(value)} details")
    return {_text(name): _detail(detail) for name, detail in value.items()}


def _detail(value: Any) -> Detail:
    if value is None or isinstance(value, bool | int | float):
        return value
    return cleaned(value, _MAX_TEXT)
