"""The events of the link service: what it publishes, and what it consumes (docs/events.md)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from delinkcious.object_model.links import CheckResult, Link
from delinkcious.outbox import Entry

ADDED: Final = "links.added"
UPDATED: Final = "links.updated"
DELETED: Final = "links.deleted"
CHECK_REQUESTED: Final = "links.check.requested"
CHECKED: Final = "links.checked"

SERVICE: Final = "link-manager"

PURGES: Final = "link-purges"
"""The consumer that forgets deleted users."""

CHECKS: Final = "link-checks"
"""The consumer that takes in what was found."""


def link_event(subject: str, author: str, link: Link) -> Entry:
    """Says what an author did with a link; in order for each author."""
    return Entry(
        subject=subject,
        key=author,
        data={
            "author": author,
            "link": {
                "id": link.id,
                "url": link.url,
                "title": link.title,
                "tags": list(link.tags),
                "visibility": link.visibility.value,
            },
        },
    )


def check_requested(url_id: int, url: str, title_wanted: bool = False) -> Entry:
    """Asks for a check of a URL, and for the page's title if that is wanted."""
    data = {"url_id": url_id, "url": url, "title_wanted": title_wanted}
    return Entry(CHECK_REQUESTED, key=str(url_id), data=data)


def to_check_result(data: Mapping[str, Any]) -> CheckResult:
    """Reads ``links.checked``."""
    return CheckResult(
        url=data["url"],
        outcome=data["outcome"],
        http_status=data.get("http_status"),
        checked_at=datetime.fromisoformat(data["checked_at"]),
        url_id=data.get("url_id"),
        title=data.get("title"),
    )
