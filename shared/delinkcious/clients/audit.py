"""The audit trail of the user service from afar."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from delinkcious.http.client import HttpClient
from delinkcious.object_model.audit import AuditEntry, AuditPage
from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE


class AuditClient:
    """An `AuditTrail` that is in another process."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def get_audit(
        self, username: str, start_token: str | None = None, page_size: int = DEFAULT_PAGE_SIZE
    ) -> AuditPage:
        query = {"username": username, "start_token": start_token, "page_size": page_size}
        page = self._http.get("/audit", query).json()
        return AuditPage([_entry(fields) for fields in page["entries"]], page["next_page_token"])


def _entry(fields: Mapping[str, Any]) -> AuditEntry:
    return AuditEntry(**{**fields, "at": datetime.fromisoformat(fields["at"])})
