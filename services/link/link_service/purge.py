"""Deletes what there is of deleted accounts, a batch at a time: imports and their files, links with
their tags, URLs that nobody else has, tombstones, and at last the collection.

No news comes of it: the news service forgets the author by itself.
"""

from typing import Any, Final

from psycopg import Connection

from delinkcious import purges
from delinkcious.database import Database
from delinkcious.deletion import DeletedUser
from link_service.events import SERVICE
from link_service.transaction import delete_unused_urls

_BATCH: Final = 500

# The lock of everybody who writes to the collection, also if there is no row yet.
_LOCK: Final = """
    INSERT INTO collections AS c (username, link_count, version) VALUES (%s, 0, 1)
    ON CONFLICT (username) DO UPDATE SET version = c.version + 1
"""
# One at a time, as its file may be large.
_IMPORT: Final = """
    DELETE FROM imports WHERE id = (SELECT id FROM imports WHERE username = %s LIMIT 1)
"""
_LINKS: Final = """
    DELETE FROM links WHERE id IN (SELECT id FROM links WHERE username = %s LIMIT %s)
    RETURNING url_id
"""
_TAGS: Final = """
    DELETE FROM tag_counts WHERE username = %(username)s AND tag IN (
        SELECT tag FROM tag_counts WHERE username = %(username)s LIMIT %(limit)s)
"""
_TOMBSTONES: Final = """
    DELETE FROM tombstones WHERE username = %(username)s AND (version, link_id) IN (
        SELECT version, link_id FROM tombstones WHERE username = %(username)s LIMIT %(limit)s)
"""
_COLLECTION: Final = "DELETE FROM collections WHERE username = %s"


class LinkPurge:
    """Forgets deleted users."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def purge_some(self, user: DeletedUser) -> bool:
        """Deletes some of what there is of a user; from the first call on, nothing new comes.

        Returns:
            Whether nothing is left; that is published, too, as often as it is found.
        """
        with self._database.transaction() as connection:
            if purges.is_done(connection, user):
                purges.confirm(connection, user, SERVICE)
                return True
            connection.execute(_LOCK, [user.username])
            purges.begin(connection, user)
            if _delete_some(connection, user.username):
                return False
            connection.execute(_COLLECTION, [user.username])
            purges.finish(connection, user, SERVICE)
        return True


def _delete_some(connection: Connection[Any], username: str) -> bool:
    """Tells whether there was something."""
    if connection.execute(_IMPORT, [username]).rowcount:
        return True
    urls = [row[0] for row in connection.execute(_LINKS, [username, _BATCH])]
    if urls:
        delete_unused_urls(connection, urls)
        return True
    some = {"username": username, "limit": _BATCH}
    return any(connection.execute(each, some).rowcount for each in (_TAGS, _TOMBSTONES))
