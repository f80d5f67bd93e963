"""Changes of a collection on Postgres: SQL and nothing else.

The first statement of each locks the user's row of `collections`, so that changes of a collection
come one after another. URLs are shared between users; who locks several does so by their digests.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson
from psycopg import Connection

from delinkcious import outbox, purges
from delinkcious.errors import AlreadyExists, FailedPrecondition, NotFound
from delinkcious.object_model.links import Link, NewLink
from delinkcious.outbox import Entry
from link_service.domain import host_of, title_key, url_digest
from link_service.ports import SavedUrl
from link_service.queries import LINK_JSON, URL_COLUMNS
from link_service.schedule import PATIENCE, PER_HOST
from link_service.search import search_vector

_BEGIN: Final = """
    INSERT INTO collections AS c (username, link_count, version) VALUES (%s, 0, 1)
    ON CONFLICT (username) DO UPDATE SET version = c.version + 1
    RETURNING version
"""
_RESERVE: Final = """
    UPDATE collections SET link_count = link_count + 1
    WHERE username = %s AND link_count < %s
    RETURNING link_count
"""
_RELEASE: Final = "UPDATE collections SET link_count = link_count - %s WHERE username = %s"
# The check is asked for at once, unless the host has enough to answer. (Adds at the same time may
# count the same ones: a few more do no harm.)
SAVE_URL: Final = """
    INSERT INTO urls (digest, url, host, check_urgent, check_due_at, check_asked_at)
    SELECT %(digest)s, %(url)s, %(host)s, true,
           CASE WHEN busy THEN now() ELSE now() + %(patience)s END,
           CASE WHEN NOT busy THEN now() END
    FROM (
        SELECT count(*) >= %(per_host)s AS busy FROM (
            SELECT FROM urls WHERE host = %(host)s AND check_asked_at > now() - %(patience)s
            LIMIT %(per_host)s) unanswered
    ) host
    ON CONFLICT DO NOTHING
    RETURNING id, check_asked_at IS NOT NULL
"""
_INSERT: Final = f"""
    WITH link AS (
        INSERT INTO links (username, url_id, url, title, description, tags, visibility, status,
                           version, title_key, search)
        SELECT %(username)s, u.id, %(url)s, %(title)s, %(description)s, %(tags)s, %(visibility)s,
               u.status, %(version)s, %(title_key)s, %(search)s::tsvector
        FROM urls u WHERE u.id = %(url_id)s
        ON CONFLICT (username, url_id) DO NOTHING
        RETURNING *
    )
    SELECT {LINK_JSON}
    FROM (SELECT link.*, {URL_COLUMNS} FROM link JOIN urls u ON u.id = link.url_id) l
"""
_FIND: Final = f"""
    SELECT {LINK_JSON}
    FROM (
        SELECT links.*, {URL_COLUMNS} FROM links JOIN urls u ON u.id = links.url_id
        WHERE links.username = %(username)s AND u.digest = %(digest)s
    ) l
"""
_FIND_ALL: Final = f"""
    SELECT {LINK_JSON}
    FROM (
        SELECT links.*, {URL_COLUMNS} FROM links JOIN urls u ON u.id = links.url_id
        WHERE links.username = %(username)s AND links.id = ANY(%(ids)s)
    ) l
    ORDER BY l.id
"""
_TAGGED: Final = f"""
    SELECT {LINK_JSON}
    FROM (
        SELECT links.*, {URL_COLUMNS}
        FROM (SELECT link_id FROM link_tags
              WHERE username = %(username)s AND tag = %(tag)s LIMIT %(limit)s) t
        JOIN links ON links.id = t.link_id JOIN urls u ON u.id = links.url_id
    ) l
    ORDER BY l.id
"""
_UPDATE: Final = f"""
    WITH link AS (
        UPDATE links l SET title = new.title, description = new.description, tags = new.tags,
                           visibility = new.visibility, title_key = new.title_key,
                           search = new.search::tsvector, updated_at = now(), version = %(version)s
        FROM jsonb_to_recordset(%(links)s::jsonb) AS new (
            id bigint, title text, description text, tags text[], visibility text, title_key text,
            search text)
        WHERE l.id = new.id AND l.username = %(username)s
        RETURNING l.*
    )
    SELECT {LINK_JSON}
    FROM (SELECT link.*, {URL_COLUMNS} FROM link JOIN urls u ON u.id = link.url_id) l
    ORDER BY l.id
"""
# As JSON, which costs psycopg a small part of what it takes to write an array.
_ADD_TAGS: Final = """
    INSERT INTO link_tags (username, tag, created_at, link_id)
    SELECT l.username, t.tag, l.created_at, l.id
    FROM json_to_recordset(%(pairs)s::json) AS t (id bigint, tag text) JOIN links l ON l.id = t.id
    ON CONFLICT DO NOTHING
"""
_REMOVE_TAGS: Final = """
    DELETE FROM link_tags t USING json_to_recordset(%(pairs)s::json) AS gone (id bigint, tag text)
    WHERE t.link_id = gone.id AND t.tag = gone.tag
"""
_COUNT_TAGS: Final = """
    INSERT INTO tag_counts AS c (username, tag, links)
    SELECT %(username)s, tag, 0 FROM unnest(%(tags)s::text[]) AS t (tag)
    ON CONFLICT DO NOTHING
"""
_ADD_COUNTS: Final = """
    UPDATE tag_counts c SET links = c.links + t.difference
    FROM unnest(%(tags)s::text[], %(differences)s::bigint[]) AS t (tag, difference)
    WHERE c.username = %(username)s AND c.tag = t.tag
"""
_FORGET_TAGS: Final = """
    DELETE FROM tag_counts WHERE username = %(username)s AND tag = ANY(%(tags)s) AND links = 0
"""
_DELETE: Final = """
    WITH gone AS (
        DELETE FROM links WHERE username = %(username)s AND id = ANY(%(ids)s) RETURNING *
    ),
    stone AS (
        INSERT INTO tombstones (username, version, link_id, url)
        SELECT username, %(version)s, id, url FROM gone
    )
    SELECT url_id FROM gone
"""
_LOCK_URLS: Final = "SELECT FROM urls WHERE id = ANY(%s) ORDER BY digest FOR UPDATE"
_DELETE_URLS: Final = """
    DELETE FROM urls u WHERE id = ANY(%s) AND NOT EXISTS (
        SELECT FROM links l WHERE l.url_id = u.id)
"""
_REQUEST_CHECKS: Final = """
    WITH due AS (
        SELECT id FROM urls WHERE id IN (
            SELECT url_id FROM links WHERE username = %s AND id = ANY(%s))
        ORDER BY digest FOR NO KEY UPDATE
    )
    UPDATE urls u SET check_due_at = now(), check_urgent = true FROM due WHERE u.id = due.id
"""


def delete_unused_urls(connection: Connection[Any], urls: Sequence[int]) -> None:
    """Removes those of the URLs that nobody has any more."""
    # Two statements: the second sees what those committed for whom the first had to wait.
    connection.execute(_LOCK_URLS, [urls])
    connection.execute(_DELETE_URLS, [urls])


class PostgresLinkTransaction:
    """A change of one user's collection; see `link_service.ports.LinkTransaction`.

    Attributes:
        version: of the collection, once this is committed.
    """

    def __init__(self, connection: Connection[Any], username: str) -> None:
        self._connection = connection
        self._username = username
        ((self.version,),) = connection.execute(_BEGIN, [username]).fetchall()
        purges.refuse_deleted(connection, username)

    def reserve(self, limit: int) -> None:
        if self._connection.execute(_RESERVE, [self._username, limit]).fetchone() is None:
            raise FailedPrecondition(f"You may have at most {limit} links.")

    def save_url(self, normalized: str, url: str) -> SavedUrl:
        digest = url_digest(normalized)
        while True:
            # The lock keeps the URL from being removed, and a check of it from being recorded,
            # before the link to it is committed.
            known = self._connection.execute(
                "SELECT id, title FROM urls WHERE digest = %s FOR SHARE", [digest]
            ).fetchone()
            if known:
                return SavedUrl(known[0], asks=False, title=known[1])
            saved = self._connection.execute(
                SAVE_URL,
                {
                    "digest": digest,
                    "url": url,
                    "host": host_of(normalized),
                    "patience": PATIENCE,
                    "per_host": PER_HOST,
                },
            ).fetchone()
            if saved:
                return SavedUrl(saved[0], asks=saved[1])

    def insert(self, url_id: int, link: NewLink) -> Link:
        parameters = {
            "username": self._username,
            "version": self.version,
            "url_id": url_id,
            "url": link.url,
            **columns_of(self._username, link),
        }
        inserted = self._links(_INSERT, parameters)
        if not inserted:
            raise AlreadyExists(f"You have saved {link.url} already.")
        self._change_tags({inserted[0].id: link.tags}, {})
        return inserted[0]

    def find(self, normalized: str) -> Link:
        parameters = {"username": self._username, "digest": url_digest(normalized)}
        found = self._links(_FIND, parameters)
        if not found:
            raise NotFound("You have no such link.")
        return found[0]

    def find_all(self, ids: Sequence[int]) -> list[Link]:
        return self._links(_FIND_ALL, {"username": self._username, "ids": list(ids)})

    def tagged(self, tag: str, limit: int) -> list[Link]:
        return self._links(_TAGGED, {"username": self._username, "tag": tag, "limit": limit})

    def update(self, links: Iterable[tuple[Link, Link]]) -> list[Link]:
        pairs = list(links)
        new = [{"id": link.id, **columns_of(self._username, link)} for _, link in pairs]
        changed = self._links(
            _UPDATE,
            {
                "username": self._username,
                "version": self.version,
                "links": orjson.dumps(new).decode(),
            },
        )
        self._change_tags(
            {old.id: set(new.tags) - set(old.tags) for old, new in pairs},
            {old.id: set(old.tags) - set(new.tags) for old, new in pairs},
        )
        return changed

    def delete(self, links: Sequence[Link]) -> None:
        self._change_tags({}, {link.id: link.tags for link in links})
        rows = self._connection.execute(
            _DELETE,
            {
                "username": self._username,
                "version": self.version,
                "ids": [link.id for link in links],
            },
        ).fetchall()
        urls = [row[0] for row in rows]
        self._connection.execute(_RELEASE, [len(urls), self._username])
        delete_unused_urls(self._connection, urls)

    def request_checks(self, links: Sequence[Link]) -> int:
        ids = [link.id for link in links]
        return self._connection.execute(_REQUEST_CHECKS, [self._username, ids]).rowcount

    def count_new(self, tags: Mapping[int, Iterable[str]]) -> None:
        """Counts the tags of links, by their ids, that were stored in some other way."""
        self._change_tags(tags, {})

    def publish(self, *events: Entry) -> None:
        outbox.append(self._connection, events)

    def _change_tags(
        self, added: Mapping[int, Iterable[str]], removed: Mapping[int, Iterable[str]]
    ) -> None:
        difference: Counter[str] = Counter()
        for sign, statement, changes in ((1, _ADD_TAGS, added), (-1, _REMOVE_TAGS, removed)):
            pairs = [(number, tag) for number, tags in changes.items() for tag in tags]
            if pairs:
                json = orjson.dumps([{"id": number, "tag": tag} for number, tag in pairs]).decode()
                self._connection.execute(statement.encode(), {"pairs": json})
            for _, tag in pairs:
                difference[tag] += sign
        if difference:
            self._count_tags(difference)

    def _count_tags(self, difference: Counter[str]) -> None:
        parameters = {
            "username": self._username,
            "tags": list(difference),
            "differences": list(difference.values()),
        }
        self._connection.execute(_COUNT_TAGS, parameters)
        self._connection.execute(_ADD_COUNTS, parameters)
        if min(difference.values()) < 0:
            self._connection.execute(_FORGET_TAGS, parameters)

    def _links(self, statement: str, parameters: dict[str, Any]) -> list[Link]:
        rows = self._connection.execute(statement.encode(), parameters)
        return [Link.from_json(orjson.loads(row[0])) for row in rows]


def columns_of(username: str, link: Link | NewLink) -> dict[str, Any]:
    """Returns the columns that a user's changes set, and those that are derived from them."""
    vector = search_vector(
        username,
        url=link.url,
        title=link.title,
        description=link.description,
        tags=link.tags,
        visibility=link.visibility,
    )
    return {
        "title": link.title,
        "description": link.description,
        "tags": list(link.tags),
        "visibility": link.visibility.value,
        "title_key": title_key(link.title),
        "search": vector,
    }
