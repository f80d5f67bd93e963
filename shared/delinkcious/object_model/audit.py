"""The audit trail as its users read it: what was done with their accounts, when and from where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something that was done with an account.

    Attributes:
        action: of `delinkcious.audit.Action`, or what a later version knows.
        outcome: of `delinkcious.audit.Outcome`, likewise.
        service: which says so.
        address: an IP address; None if it is not known.
        token_id: the API token that it was about.
        details: what else there is to say, by short names.
    """

    id: str
    at: datetime
    action: str
    outcome: str
    service: str
    address: str | None
    user_agent: str | None
    token_id: int | None
    token_name: str | None
    details: Mapping[str, str | int | float | bool | None]


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, newest first, and where the next page starts; None if there is none."""

    entries: Sequence[AuditEntry]
    next_page_token: str | None


class AuditTrail(Protocol):
    """Tells people what was done with their accounts."""

    def get_audit(
        self, username: str, start_token: str | None = None, page_size: int = DEFAULT_PAGE_SIZE
    ) -> AuditPage:
        """Returns a page of what was done with an account, newest first.

        Raises:
            InvalidArgument: the token is none of this list.
        """
        ...
