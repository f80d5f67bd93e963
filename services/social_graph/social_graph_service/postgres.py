"""The store of the social graph on Postgres: SQL and nothing else."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, LiteralString

from psycopg import Connection

from delinkcious import outbox, purges
from delinkcious.database import Database
from delinkcious.deletion import DeletedUser
from delinkcious.errors import AlreadyExists, NotFound
from delinkcious.outbox import Entry
from social_graph_service import events

# Both lists are read from an index alone, which has them in their order.
FOLLOWERS: Final = """
    SELECT follower FROM follows
    WHERE followed = %s AND follower > %s ORDER BY follower LIMIT %s
"""
FOLLOWING: Final = """
    SELECT followed FROM follows
    WHERE follower = %s AND followed > %s ORDER BY followed LIMIT %s
"""
_ALL_FOLLOWERS: Final = """
    SELECT DISTINCT follower FROM follows WHERE follower > %s ORDER BY follower LIMIT %s
"""
_INSERT: Final = """
    INSERT INTO follows (followed, follower) VALUES (%s, %s) ON CONFLICT DO NOTHING
"""
_DELETE: Final = "DELETE FROM follows WHERE followed = %s AND follower = %s"

# Whoever follows shares the locks of both names with all but the one who deletes an account.
_LOCKS: Final = 0x70757267  # "purg"; the outbox's lock has one number, and these have two
_SHARE: Final = """
    SELECT pg_advisory_xact_lock_shared(%s, hashtext(name)) FROM unnest(%s::text[]) AS name
"""
_EXCLUDE: Final = "SELECT pg_advisory_xact_lock(%s, hashtext(%s))"
_BATCH: Final = 500
_DELETE_SOME: Final = """
    DELETE FROM follows WHERE (followed, follower) IN (
        (SELECT followed, follower FROM follows WHERE followed = %(username)s LIMIT %(limit)s)
        UNION ALL
        (SELECT followed, follower FROM follows WHERE follower = %(username)s LIMIT %(limit)s)
    )
    RETURNING followed, follower
"""


class PostgresFollowStore:
    """Keeps who follows whom in Postgres; see `social_graph_service.ports.FollowStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def transaction(self) -> Iterator["PostgresFollowTransaction"]:
        with self._database.transaction() as connection:
            yield PostgresFollowTransaction(connection)

    def get_followers(self, username: str, after: str, limit: int) -> Sequence[str]:
        return self._names(FOLLOWERS, username, after, limit)

    def get_following(self, username: str, after: str, limit: int) -> Sequence[str]:
        return self._names(FOLLOWING, username, after, limit)

    def get_all_followers(self, after: str, limit: int) -> Sequence[str]:
        return self._names(_ALL_FOLLOWERS, after, limit)

    def purge_some(self, user: DeletedUser) -> bool:
        with self._database.transaction() as connection:
            if purges.is_done(connection, user):
                purges.confirm(connection, user, events.SERVICE)
                return True
            connection.execute(_EXCLUDE, [_LOCKS, user.username])
            purges.begin(connection, user)
            some = {"username": user.username, "limit": _BATCH}
            ended = connection.execute(_DELETE_SOME, some).fetchall()
            outbox.append(connection, [events.ended_event(*pair) for pair in ended])
            if not ended:
                purges.finish(connection, user, events.SERVICE)
        return not ended

    def _names(self, statement: LiteralString, *parameters: str | int) -> Sequence[str]:
        with self._database.connection() as connection:
            return [row[0] for row in connection.execute(statement, parameters)]


class PostgresFollowTransaction:
    """One transaction; see `social_graph_service.ports.FollowTransaction`."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def insert(self, followed: str, follower: str) -> None:
        self._connection.execute(_SHARE, [_LOCKS, [followed, follower]])
        purges.refuse_deleted(self._connection, followed, follower)
        if self._connection.execute(_INSERT, [followed, follower]).rowcount == 0:
            raise AlreadyExists(f"{follower} follows {followed} already.")

    def delete(self, followed: str, follower: str) -> None:
        if self._connection.execute(_DELETE, [followed, follower]).rowcount == 0:
            raise NotFound(f"{follower} does not follow {followed}.")

    def publish(self, *events: Entry) -> None:
        outbox.append(self._connection, events)
