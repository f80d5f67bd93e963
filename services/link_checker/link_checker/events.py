"""The events of the link checker: what it consumes, and what it publishes (docs/events.md)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from delinkcious.messaging.event import Event, MalformedEvent
from link_checker.domain import Finding

CHECK_REQUESTED: Final = "links.check.requested"
CHECKED: Final = "links.checked"
SOURCE: Final = "/link-checker"

CONSUMER: Final = "link-checker"
"""The consumer of the requests."""


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """A URL to be checked, and the link service's id of it."""

    url_id: int
    url: str
    title_wanted: bool = False

    @classmethod
    def of(cls, event: Event) -> "CheckRequest":
        """Reads ``links.check.requested``.

        Raises:
            MalformedEvent: something is missing, or is of the wrong type.
        """
        url_id, url = event.data.get("url_id"), event.data.get("url")
        title_wanted = event.data.get("title_wanted", False)
        if not isinstance(url_id, int):
            raise MalformedEvent.of("url_id", "must be an integer")
        if not isinstance(url, str):
            raise MalformedEvent.of("url", "must be a string")
        if not isinstance(title_wanted, bool):
            raise MalformedEvent.of("title_wanted", "must be true or false")
        return cls(url_id, url, title_wanted)


def checked_on_request(event: Event, request: CheckRequest, finding: Finding) -> Event:
    """Says what was found on request; whoever tells it twice tells it under the same id."""
    data = _checked(request.url_id, request.url, finding)
    return event.consequence(CHECKED, source=SOURCE, data=data)


def checked(url: str, finding: Finding) -> Event:
    """Says what was found when somebody just wanted to know."""
    return Event(type=CHECKED, source=SOURCE, key=url, data=_checked(None, url, finding))


def _checked(url_id: int | None, url: str, finding: Finding) -> dict[str, Any]:
    return {
        "url_id": url_id,
        "url": url,
        "outcome": finding.outcome.value,
        "http_status": finding.http_status,
        "title": finding.title,
        "moved_to": finding.moved_to,
        "checked_at": datetime.now(UTC),
    }
