"""The events of the user service: what it publishes (docs/events.md)."""

from typing import Final

from delinkcious.object_model.users import User
from delinkcious.outbox import Entry

REGISTERED: Final = "users.registered"


def registered(user: User) -> Entry:
    """Says that there is a new account. Its e-mail address is nobody else's business."""
    return Entry(REGISTERED, key=user.username, data={"username": user.username})
