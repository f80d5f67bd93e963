"""The link store on Postgres: SQL and nothing else."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import orjson
import psycopg
from psycopg import Connection

from delinkcious import outbox
from delinkcious.database import Database
from delinkcious.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from delinkcious.object_model.links import (
    CheckResult,
    Link,
    LinkPage,
    LinkQuery,
    LinkStatus,
    NewLink,
    TagCount,
)
from delinkcious.object_model.paging import encode_token
from delinkcious.outbox import Entry
from link_service.ports import SavedUrl
from link_service.queries import LINK_JSON, URL_COLUMNS, page_of_links

_REGEX_TIMEOUT: Final = "1s"

_RESERVE: Final = """
    INSERT INTO collections AS c (username, link_count)
    SELECT %(username)s, 1 WHERE %(limit)s > 0
    ON CONFLICT (username) DO UPDATE SET link_count = c.link_count + 1
        WHERE c.link_count < %(limit)s
    RETURNING link_count
"""
_INSERT: Final = f"""
    WITH link AS (
        INSERT INTO links (username, url_id, url, title, description, tags, visibility)
        VALUES (%(username)s, %(url_id)s, %(url)s, %(title)s, %(description)s, %(tags)s,
                %(visibility)s)
        ON CONFLICT (username, url_id) DO NOTHING
        RETURNING *
    )
    SELECT {LINK_JSON}
    FROM (SELECT link.*, {URL_COLUMNS} FROM link JOIN urls u ON u.id = link.url_id) l
"""
_LOCK: Final = f"""
    SELECT {LINK_JSON}
    FROM (
        SELECT links.*, {URL_COLUMNS}
        FROM links JOIN urls u ON u.id = links.url_id
        WHERE links.username = %(username)s AND u.digest = %(digest)s
        FOR UPDATE OF links
    ) l
"""
_UPDATE: Final = f"""
    WITH link AS (
        UPDATE links SET title = %(title)s, description = %(description)s, tags = %(tags)s,
                         visibility = %(visibility)s, updated_at = now()
        WHERE id = %(id)s
        RETURNING *
    )
    SELECT {LINK_JSON}
    FROM (SELECT link.*, {URL_COLUMNS} FROM link JOIN urls u ON u.id = link.url_id) l
"""
_INSERT_TAGS: Final = """
    INSERT INTO link_tags (username, tag, created_at, link_id)
    SELECT %(username)s, unnest(%(tags)s::text[]), %(created_at)s, %(link_id)s
    ON CONFLICT DO NOTHING
"""
_RECORD_CHECK: Final = """
    UPDATE urls SET status = %s, outcome = %s, http_status = %s, checked_at = %s
    WHERE digest = %s AND (checked_at IS NULL OR checked_at < %s)
"""


class PostgresLinkStore:
    """Keeps links in Postgres; see `link_service.ports.LinkStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def transaction(self) -> Iterator["PostgresLinkTransaction"]:
        with self._database.transaction() as connection:
            yield PostgresLinkTransaction(connection)

    def get_links(self, query: LinkQuery) -> LinkPage:
        statement, parameters = page_of_links(query)
        with self._database.connection() as connection:
            if query.url_regex or query.title_regex or query.description_regex:
                rows = _search(connection, statement, parameters)
            else:
                rows = connection.execute(statement, parameters).fetchall()
        return _page(rows, query.page_size)

    def get_tags(self, username: str) -> list[TagCount]:
        statement = """
            SELECT tag, count(*) FROM link_tags WHERE username = %s
            GROUP BY tag ORDER BY tag COLLATE "C"
        """
        with self._database.connection() as connection:
            return [TagCount(*row) for row in connection.execute(statement, [username])]

    def record_check(self, normalized: str, result: CheckResult, status: LinkStatus) -> None:
        at = result.checked_at
        with self._database.connection() as connection:
            connection.execute(
                _RECORD_CHECK,
                [status.value, result.outcome, result.http_status, at, _digest(normalized), at],
            )


class PostgresLinkTransaction:
    """One transaction; see `link_service.ports.LinkTransaction`."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def reserve(self, username: str, limit: int) -> None:
        parameters = {"username": username, "limit": limit}
        if self._connection.execute(_RESERVE, parameters).fetchone() is None:
            raise FailedPrecondition(f"You have {limit} links, which is as many as one may have.")

    def release(self, username: str) -> None:
        self._connection.execute(
            "UPDATE collections SET link_count = link_count - 1"
            " WHERE username = %s AND link_count > 0",
            [username],
        )

    def save_url(self, normalized: str, url: str) -> SavedUrl:
        digest = _digest(normalized)
        while True:
            # The row lock keeps the URL from being removed before the link to it is committed.
            known = self._connection.execute(
                "SELECT id FROM urls WHERE digest = %s FOR KEY SHARE", [digest]
            ).fetchone()
            if known:
                return SavedUrl(known[0], is_new=False)
            saved = self._connection.execute(
                "INSERT INTO urls (digest, url) VALUES (%s, %s)"
                " ON CONFLICT DO NOTHING RETURNING id",
                [digest, url],
            ).fetchone()
            if saved:
                return SavedUrl(saved[0], is_new=True)

    def insert(self, username: str, url_id: int, link: NewLink) -> Link:
        parameters = {
            "username": username,
            "url_id": url_id,
            "url": link.url,
            "title": link.title,
            "description": link.description,
            "tags": list(link.tags),
            "visibility": link.visibility.value,
        }
        inserted = self._one(_INSERT, parameters)
        if inserted is None:
            raise AlreadyExists(f"You have saved {link.url} already.")
        self._insert_tags(username, inserted, link.tags)
        return inserted

    def lock(self, username: str, normalized: str) -> Link:
        link = self._one(_LOCK, {"username": username, "digest": _digest(normalized)})
        if link is None:
            raise NotFound("You have no such link.")
        return link

    def update(self, username: str, link: Link) -> Link:
        tags = list(link.tags)
        changed = self._one(
            _UPDATE,
            {
                "id": link.id,
                "title": link.title,
                "description": link.description,
                "tags": tags,
                "visibility": link.visibility.value,
            },
        )
        if changed is None:
            raise NotFound("You have no such link.")
        self._connection.execute(
            "DELETE FROM link_tags WHERE link_id = %s AND tag <> ALL(%s)", [link.id, tags]
        )
        self._insert_tags(username, changed, link.tags)
        return changed

    def delete(self, username: str, link: Link) -> None:  # noqa: ARG002
        execute = self._connection.execute
        row = execute("DELETE FROM links WHERE id = %s RETURNING url_id", [link.id]).fetchone()
        url_id = row[0] if row else None
        # Two statements: the second sees what those committed for whom the first had to wait.
        execute("SELECT FROM urls WHERE id = %s FOR UPDATE", [url_id])
        execute(
            "DELETE FROM urls u WHERE id = %s"
            " AND NOT EXISTS (SELECT FROM links l WHERE l.url_id = u.id)",
            [url_id],
        )

    def publish(self, *events: Entry) -> None:
        outbox.append(self._connection, events)

    def _insert_tags(self, username: str, link: Link, tags: tuple[str, ...]) -> None:
        if tags:
            self._connection.execute(
                _INSERT_TAGS,
                {
                    "username": username,
                    "tags": list(tags),
                    "created_at": link.created_at,
                    "link_id": link.id,
                },
            )

    def _one(self, statement: str, parameters: dict[str, Any]) -> Link | None:
        row = self._connection.execute(statement.encode(), parameters).fetchone()
        return Link.from_json(orjson.loads(row[0])) if row else None


def _search(
    connection: Connection[Any], statement: bytes, parameters: dict[str, Any]
) -> list[tuple[str, int, int]]:
    """Runs a query with regular expressions, which may be wrong or take for ever."""
    try:
        with connection.transaction():
            connection.execute(f"SET LOCAL statement_timeout = '{_REGEX_TIMEOUT}'".encode())
            return connection.execute(statement, parameters).fetchall()
    except psycopg.errors.InvalidRegularExpression:
        raise InvalidArgument.of(
            _wrong_regex(connection, parameters), "is not a regular expression"
        ) from None
    except psycopg.errors.QueryCanceled:
        field = next(name for name in parameters if name.endswith("_regex"))
        raise InvalidArgument.of(field, "takes too long to match") from None


def _wrong_regex(connection: Connection[Any], parameters: dict[str, Any]) -> str:
    fields = [name for name in parameters if name.endswith("_regex")]
    for field in fields:
        try:
            connection.execute("SELECT '' ~* %s", [parameters[field]])
        except psycopg.errors.InvalidRegularExpression:
            return field
    return fields[0]


def _page(rows: list[tuple[str, int, int]], page_size: int) -> LinkPage:
    shown = rows[:page_size]
    links = ",".join(row[0] for row in shown)
    token = f'"{encode_token(*shown[-1][1:])}"' if len(rows) > page_size else "null"
    return LinkPage(f'{{"links":[{links}],"next_page_token":{token}}}'.encode())


def _digest(normalized: str) -> bytes:
    return hashlib.sha256(normalized.encode()).digest()
