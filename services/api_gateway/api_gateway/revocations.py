"""Forgets tokens when the user service tells that they are revoked, whichever gateway revoked them.

It is told through NATS, to every process of the gateway, and misses what is told while it is not
connected: so it forgets everything whenever it begins to listen. Until then, what is remembered is
as old as ever `Sessions` lets it become.
"""

from functools import partial

import structlog

from api_gateway.sessions import Sessions
from delinkcious.messaging.background import EventSource
from delinkcious.messaging.event import Event, MalformedEvent
from delinkcious.revocation import CREDENTIALS_REVOKED, Revocation

logger = structlog.get_logger()


def heed_revocations(source: EventSource, sessions: Sessions) -> None:
    """Has the sessions forget what is revoked; to be called before the source is started."""
    source.listen(CREDENTIALS_REVOKED, partial(_forget, sessions))
    source.on_connect(sessions.forget_everything)


def _forget(sessions: Sessions, event: Event) -> None:
    try:
        revocation = Revocation.of(event)
    except MalformedEvent:
        sessions.forget_everything()  # it may have been any of them
        raise
    if revocation.digests is None:
        sessions.forget_user(revocation.username)
    else:
        sessions.forget_digests(revocation.digests)
    logger.debug("credentials_forgotten", event_id=event.id)
