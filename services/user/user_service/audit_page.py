"""Where a page of the audit trail starts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from delinkcious.errors import InvalidArgument
from delinkcious.object_model.audit import AuditEntry, AuditPage
from delinkcious.object_model.paging import decode_token, encode_token

Place = tuple[datetime, str]
"""The time and the id of an entry, by which the trail is sorted."""

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_END: Final = (datetime.max.replace(tzinfo=UTC), str(UUID(int=2**128 - 1)))


def place_before(start_token: str | None) -> Place:
    """Returns the place that all entries of the page come before.

    Raises:
        InvalidArgument: the token is none of this list.
    """
    if start_token is None:
        return _END
    since, id_ = decode_token(start_token, (int, str))
    try:
        return _EPOCH + int(since) * _MICROSECOND, str(UUID(str(id_)))
    except (OverflowError, ValueError):
        raise InvalidArgument.of("start_token", "is not a page token of this list") from None


def page_of(entries: Sequence[AuditEntry], page_size: int) -> AuditPage:
    """Returns the page, given its entries and the one after it, if there is one."""
    page = entries[:page_size]
    if len(entries) <= page_size:
        return AuditPage(page, None)
    last = page[-1]
    return AuditPage(page, encode_token((last.at - _EPOCH) // _MICROSECOND, last.id))
