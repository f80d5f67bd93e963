"""The events of the user service: what it publishes (docs/events.md)."""

from typing import Final

from delinkcious.audit import RECORDED, Act
from delinkcious.deletion import DELETED, DeletedUser
from delinkcious.object_model.users import User
from delinkcious.outbox import Entry
from delinkcious.revocation import CREDENTIALS_REVOKED, Revocation

REGISTERED: Final = "users.registered"

PURGES: Final = "user-deletions"
"""The consumer that takes in who has deleted what it had of a user."""

AUDIT: Final = "user-audit"
"""The consumer that takes in the audit trail, of all services."""


def registered(user: User) -> Entry:
    """Says that there is a new account. Its e-mail address is nobody else's business."""
    return Entry(REGISTERED, key=user.username, data={"username": user.username})


def audited(act: Act, key: str) -> Entry:
    """Has it recorded what was done."""
    return Entry(RECORDED, key=key, data=act.to_data())


def deleted(user: DeletedUser) -> Entry:
    """Has every service delete what it has of a user, and say so (``users.purged``)."""
    return Entry(DELETED, key=user.username, data=user.to_data())


def revoked(revocation: Revocation) -> Entry:
    """Has whoever remembers whose tokens these were forget it."""
    return Entry(CREDENTIALS_REVOKED, key=revocation.username, data=revocation.to_data())
