"""What services with a database remember of deleted users: that nothing of them may come back.

A row of `purges` is there from the first batch of the deletion on. As long as it holds, nothing is
stored under that name: not what a request that was on its way would, and not what a session would
that some gateway still takes for good. Of the name it has the SHA-256 only.

Whoever writes under a name must look here while holding a lock that `begin` waits for; which lock
that is, each service says.
"""

from datetime import timedelta
from typing import Any, Final

from psycopg import Connection

from delinkcious import outbox
from delinkcious.deletion import PURGED, DeletedUser, digest_of
from delinkcious.errors import NotFound
from delinkcious.outbox import Entry

CREATE_PURGES: Final = """
CREATE TABLE purges (
    deletion_id uuid PRIMARY KEY,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    until timestamptz NOT NULL,
    done_at timestamptz
);
CREATE INDEX purges_of_user ON purges (digest);
"""
"""Never edited, as migrations have run it."""

# A repeated event must find that its purge is done, or it would delete what belongs to the next
# account of that name; events live for 7 days, dead letters for 30.
_REMEMBERED: Final = timedelta(days=90)

_DONE: Final = "SELECT FROM purges WHERE deletion_id = %s AND done_at IS NOT NULL"
_BEGIN: Final = """
    INSERT INTO purges (deletion_id, digest, until) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING
"""
_FINISH: Final = "UPDATE purges SET done_at = now() WHERE deletion_id = %s"
_FORGET: Final = "DELETE FROM purges WHERE done_at < now() - %s"
_IN_FORCE: Final = """
    SELECT FROM purges WHERE digest = ANY(%s) AND (done_at IS NULL OR until > now()) LIMIT 1
"""


def is_done(connection: Connection[Any], user: DeletedUser) -> bool:
    """Tells whether the service has deleted everything; then there is only to say so again."""
    return connection.execute(_DONE, [user.deletion_id]).rowcount > 0


def begin(connection: Connection[Any], user: DeletedUser) -> None:
    """Has writes under the name refused from now on. The caller holds the lock of the writers."""
    connection.execute(_BEGIN, [user.deletion_id, user.digest, user.until])


def finish(connection: Connection[Any], user: DeletedUser, service: str) -> None:
    """Stores that nothing is left, and has it told once the transaction is committed."""
    connection.execute(_FINISH, [user.deletion_id])
    connection.execute(_FORGET, [_REMEMBERED])
    confirm(connection, user, service)


def confirm(connection: Connection[Any], user: DeletedUser, service: str) -> None:
    """Has it told that nothing is left, once the transaction is committed."""
    outbox.append(connection, [Entry(PURGED, user.deletion_id, user.purged_by(service))])


def refuse_deleted(connection: Connection[Any], *usernames: str) -> None:
    """To be called under the lock of the writers, in a statement after the one that took it.

    Raises:
        NotFound: one of these names is of an account that is being forgotten.
    """
    digests = [digest_of(username) for username in usernames]
    if connection.execute(_IN_FORCE, [digests]).rowcount > 0:
        raise NotFound("There is no such account any more.")
