"""Forgets tokens when the user service tells that they are revoked, whichever gateway revoked them.

It is told through NATS, to every process of the gateway, and misses what is told while it is not
connected: so it forgets everything whenever it begins to listen. Until then, what is remembered is
as old as ever `Sessions` lets it become.
"""

from collections.abc import Callable

import structlog

from api_gateway.sessions import Sessions
from delinkcious.messaging.background import EventSource
from delinkcious.messaging.event import Event, MalformedEvent
from delinkcious.revocation import CREDENTIALS_REVOKED, Revocation

logger = structlog.get_logger()


def heed_revocations(
    source: EventSource, sessions: Sessions, end_streams_of: Callable[[str], None]
) -> None:
    """Has the sessions forget what is revoked; to be called before the source is started.

    Args:
        end_streams_of: ends what a user reads for long, and would not ask about for seconds.
    """

    def heed(event: Event) -> None:
        try:
            revocation = Revocation.of(event)
        except MalformedEvent:
            sessions.forget_everything()  # it may have been any of them
            raise
        _forget(sessions, revocation)
        end_streams_of(revocation.username)
        logger.debug("credentials_forgotten", event_id=event.id)

    source.listen(CREDENTIALS_REVOKED, heed)
    source.on_connect(sessions.forget_everything)


def _forget(sessions: Sessions, revocation: Revocation) -> None:
    if revocation.digests is None:
        sessions.forget_user(revocation.username)
    else:
        sessions.forget_digests(revocation.digests)
