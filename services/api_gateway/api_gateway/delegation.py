"""What an API token may pass on: no token that it makes may do more, or live longer, than itself.

Or whoever finds one that is limited and expires would make one that is not and does not. A session
may make any.
"""

from collections.abc import Iterable
from datetime import datetime

from delinkcious.errors import PermissionDenied
from delinkcious.object_model.users import Identity


def check(maker: Identity, scopes: Iterable[str] | None, expires_at: datetime | None) -> None:
    """Lets a new API token pass if its maker may make it.

    Args:
        scopes: of the new one; None for everything.
        expires_at: of the new one, with a time zone; None for never.

    Raises:
        PermissionDenied: naming what it would have that its maker has not.
    """
    if maker.session_id is not None:
        return
    if maker.scopes is not None and (scopes is None or not set(maker.scopes).issuperset(scopes)):
        raise PermissionDenied.of("scopes", "must be among those of the token that makes it")
    if maker.expires_at is not None and (expires_at is None or expires_at > maker.expires_at):
        raise PermissionDenied.of("expires_at", "must not be after that of the token that makes it")
