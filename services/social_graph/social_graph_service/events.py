"""The events of the social graph service: what it publishes, besides `delinkcious.deletion`
(docs/events.md).
"""

from typing import Final

from delinkcious.outbox import Entry

SERVICE: Final = "social-graph-manager"

FOLLOWED: Final = "graph.followed"
UNFOLLOWED: Final = "graph.unfollowed"

PURGES: Final = "social-graph-purges"
"""The consumer that has deleted users forgotten."""


def follow_event(subject: str, followed: str, follower: str) -> Entry:
    """Says that somebody began or ceased to follow; in order for each follower."""
    return Entry(subject, key=follower, data={"followed": followed, "follower": follower})


def ended_event(followed: str, follower: str) -> Entry:
    """Says that somebody ceased to follow because the account of one of the two is deleted."""
    pair = {"followed": followed, "follower": follower}
    return Entry(UNFOLLOWED, key=follower, data={**pair, "account_deleted": True})
