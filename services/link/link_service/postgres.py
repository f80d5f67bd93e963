"""The link store on Postgres: SQL and nothing else. Changes are made in `transaction`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import orjson
import psycopg
from psycopg import Connection

from delinkcious.database import Database
from delinkcious.errors import Gone, InvalidArgument, Violation
from delinkcious.object_model.links import (
    ChangePage,
    CheckResult,
    Link,
    LinkPage,
    LinkQuery,
    LinkStatus,
    Lookup,
    PublicLink,
    TagCount,
    TagPage,
    Visibility,
)
from delinkcious.object_model.paging import decode_token, encode_token
from link_service.domain import title_key, url_digest
from link_service.health import Health, Verdict
from link_service.ports import Judge
from link_service.queries import LINK_JSON, URL_COLUMNS, Statement, page_of_links, token_after
from link_service.search import search_vector
from link_service.transaction import PostgresLinkTransaction

_REGEX_TIMEOUT: Final = "800ms"
_ONE_REGEX_TIMEOUT: Final = "200ms"
_OWNERS_AT_ONCE: Final = 200

TAGS: Final = """
    SELECT tag, links FROM tag_counts
    WHERE username = %s AND tag > %s AND tag >= %s AND starts_with(tag, %s)
    ORDER BY tag LIMIT %s
"""
# Imported links are no news, also to those who follow their owner only now.
LATEST: Final = """
    SELECT author, id, url, title, tags, created_at
    FROM unnest(%(authors)s::text[]) AS author CROSS JOIN LATERAL (
        SELECT id, url, title, tags, created_at FROM links
        WHERE username = author AND visibility = 'public' AND import_id IS NULL
          AND created_at <= now()
        ORDER BY created_at DESC, id DESC LIMIT %(limit)s
    ) l
    ORDER BY created_at DESC, id DESC LIMIT %(limit)s
"""
LOOKUP: Final = f"""
    SELECT (
        SELECT {LINK_JSON}
        FROM (SELECT links.*, {URL_COLUMNS} FROM links
              WHERE links.username = %(username)s AND links.url_id = u.id) l
    ), (
        SELECT count(*) FROM links WHERE links.url_id = u.id AND links.visibility = 'public'
    )
    FROM urls u WHERE u.digest = %(digest)s
"""
_VERSIONS: Final = "SELECT version, forgotten FROM collections WHERE username = %s"
CHANGES: Final = f"""
    WITH page AS (
        (SELECT version, id, NULL::text AS deletion FROM links
         WHERE username = %(username)s AND (version, id) > (%(version)s, %(id)s)
         ORDER BY version, id LIMIT %(limit)s)
        UNION ALL
        (SELECT version, link_id, json_build_object(
             'type', 'deleted', 'id', link_id, 'url', url, 'deleted_at', deleted_at)::text
         FROM tombstones
         WHERE username = %(username)s AND (version, link_id) > (%(version)s, %(id)s)
         ORDER BY version, link_id LIMIT %(limit)s)
        ORDER BY version, id LIMIT %(limit)s
    )
    SELECT coalesce(l.deletion, '{{"type":"changed","link":' || {LINK_JSON} || '}}'),
           l.at_version, l.at_id
    FROM (
        SELECT page.version AS at_version, page.id AS at_id, page.deletion, links.*, {URL_COLUMNS}
        FROM page
        LEFT JOIN links ON links.id = page.id AND page.deletion IS NULL
        LEFT JOIN urls u ON u.id = links.url_id
    ) l
    ORDER BY l.at_version, l.at_id
"""
_HEALTH: Final = """
    SELECT status, outcome, checked_at, attempts, failures, health_since FROM urls
    WHERE digest = %s AND (checked_at IS NULL OR checked_at < %s) FOR NO KEY UPDATE
"""
_RECORD_CHECK: Final = """
    UPDATE urls SET status = %(status)s, outcome = %(outcome)s, http_status = %(http_status)s,
                    checked_at = %(checked_at)s, attempts = %(attempts)s, failures = %(failures)s,
                    health_since = %(since)s, title = coalesce(%(title)s, title),
                    check_due_at = %(due_at)s, check_urgent = %(urgent)s, check_asked_at = NULL
    WHERE digest = %(digest)s
"""
_OWNERS_BEHIND: Final = """
    SELECT l.username FROM links l JOIN urls u ON u.id = l.url_id
    WHERE u.digest = %(digest)s AND (l.status <> u.status OR (l.title = '' AND %(titled)s))
    ORDER BY l.username LIMIT %(limit)s
"""
_BUMP_VERSIONS: Final = """
    WITH locked AS (
        SELECT username FROM collections WHERE username = ANY(%s) ORDER BY username FOR UPDATE
    )
    UPDATE collections c SET version = c.version + 1 FROM locked WHERE c.username = locked.username
"""
_FOLLOW_STATUS: Final = """
    UPDATE links l SET status = u.status, version = c.version
    FROM urls u, collections c
    WHERE u.digest = %s AND l.url_id = u.id AND l.username = ANY(%s) AND c.username = l.username
      AND l.status <> u.status
"""
_UNTITLED: Final = """
    SELECT l.id, l.username, l.url, l.description, l.tags, l.visibility
    FROM links l JOIN urls u ON u.id = l.url_id
    WHERE u.digest = %s AND l.username = ANY(%s) AND l.title = ''
"""
_SET_TITLE: Final = """
    UPDATE links l SET title = %(title)s, title_key = %(title_key)s, search = %(search)s::tsvector,
                       version = c.version
    FROM collections c WHERE l.id = %(id)s AND c.username = l.username
"""


class PostgresLinkStore:
    """Keeps links in Postgres; see `link_service.ports.LinkStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def change(self, username: str) -> Iterator[PostgresLinkTransaction]:
        with self._database.transaction() as connection:
            yield PostgresLinkTransaction(connection, username)

    def get_links(self, query: LinkQuery) -> LinkPage:
        statement = page_of_links(query)
        if query.by_regex:
            with self._database.connection() as connection:
                return _page(query, _search(connection, statement))
        return _page(query, self._database.fetch(statement.sql, statement.parameters))

    def get_tags(
        self, username: str, *, prefix: str, start_token: str | None, page_size: int
    ) -> TagPage:
        after = decode_token(start_token, (str,))[0] if start_token else ""
        parameters = [username, after, prefix, prefix, page_size + 1]
        with self._database.connection() as connection:
            tags = [TagCount(*row) for row in connection.execute(TAGS, parameters)]
        more = len(tags) > page_size
        return TagPage(tags[:page_size], encode_token(tags[page_size - 1].name) if more else None)

    def lookup(self, username: str, normalized: str) -> Lookup:
        parameters = {"username": username, "digest": url_digest(normalized)}
        with self._database.connection() as connection:
            row = connection.execute(LOOKUP.encode(), parameters).fetchone()
        if row is None:
            return Lookup(None, 0)
        return Lookup(Link.from_json(orjson.loads(row[0])) if row[0] else None, row[1])

    def get_latest(self, authors: Sequence[str], limit: int) -> Sequence[PublicLink]:
        parameters = {"authors": list(authors), "limit": limit}
        with self._database.connection() as connection:
            rows = connection.execute(LATEST, parameters).fetchall()
        return [
            PublicLink(author, number, url, title, tuple(tags), added_at)
            for author, number, url, title, tags, added_at in rows
        ]

    def get_changes(self, username: str, *, since: str | None, page_size: int) -> ChangePage:
        with self._database.connection() as connection:
            position = _position(since) if since is not None else _beginning(connection, username)
            parameters = {
                "username": username,
                "version": position.seen,
                "id": position.link_id,
                "limit": page_size + 1,
            }
            rows = connection.execute(CHANGES.encode(), parameters).fetchall()
            # Only now: what is forgotten by then may be missing from the rows.
            version, forgotten = _versions(connection, username)
        if position.seen > version:
            raise Gone("That is of another collection than there is now. Begin without since.")
        if forgotten > position.complete_from and forgotten >= position.seen:
            raise Gone(
                "That is too long ago: what was deleted since is not known. Begin without since."
            )
        return _changes(rows, position, page_size)

    def record_check(self, normalized: str, result: CheckResult, judge: Judge) -> Verdict | None:
        digest = url_digest(normalized)
        with self._database.transaction() as connection:
            verdict = _record(connection, digest, result, judge)
        # Apart from that: owners are locked before URLs everywhere else. Should this end between
        # the two, the event comes again.
        while self._inform_owners(digest, result.title):
            pass
        return verdict

    def _inform_owners(self, digest: bytes, title: str | None) -> bool:
        with self._database.transaction() as connection:
            behind = {"digest": digest, "titled": bool(title), "limit": _OWNERS_AT_ONCE}
            owners = [row[0] for row in connection.execute(_OWNERS_BEHIND, behind)]
            if not owners:
                return False
            connection.execute(_BUMP_VERSIONS, [owners])
            connection.execute(_FOLLOW_STATUS, [digest, owners])
            if title:
                _set_titles(connection, title, digest, owners)
        return True


def _record(
    connection: Connection[Any], digest: bytes, result: CheckResult, judge: Judge
) -> Verdict | None:
    row = connection.execute(_HEALTH, [digest, result.checked_at]).fetchone()
    if row is None:
        return None
    verdict = judge(Health(LinkStatus(row[0]), *row[1:]))
    health = verdict.health
    connection.execute(
        _RECORD_CHECK,
        {
            "digest": digest,
            "status": health.status.value,
            "outcome": health.outcome,
            "http_status": result.http_status,
            "checked_at": health.checked_at,
            "attempts": health.attempts,
            "failures": health.failures,
            "since": health.since,
            "title": result.title,
            "due_at": verdict.due_at,
            "urgent": verdict.urgent,
        },
    )
    return verdict


def _set_titles(
    connection: Connection[Any], title: str, digest: bytes, owners: Sequence[str]
) -> None:
    """Gives a title to the links that nobody gave one."""
    for number, username, url, description, tags, visibility in connection.execute(
        _UNTITLED, [digest, owners]
    ).fetchall():
        vector = search_vector(
            username,
            url=url,
            title=title,
            description=description,
            tags=tuple(tags),
            visibility=Visibility(visibility),
        )
        connection.execute(
            _SET_TITLE,
            {"id": number, "title": title, "title_key": title_key(title), "search": vector},
        )


def _search(connection: Connection[Any], statement: Statement) -> list[Any]:
    """Runs a query with regular expressions, which may be wrong or take for ever."""
    try:
        with connection.transaction():
            _limit(connection, _REGEX_TIMEOUT)
            return connection.execute(statement.sql, statement.parameters).fetchall()
    except psycopg.errors.InvalidRegularExpression:
        raise InvalidArgument.of(
            _wrong_regex(connection, statement), "is not a regular expression"
        ) from None
    except psycopg.errors.QueryCanceled:
        raise _too_slow(_regexes(statement)) from None


def _too_slow(fields: Sequence[str]) -> InvalidArgument:
    """Nobody knows which of several it was."""
    slow = "takes too long to match"
    violations = [Violation(field, slow) for field in fields]
    return InvalidArgument(f"{', '.join(fields)}: {slow}", violations=violations)


def _regexes(statement: Statement) -> list[str]:
    return [name for name in statement.parameters if name.endswith("_regex")]


def _wrong_regex(connection: Connection[Any], statement: Statement) -> str:
    """Returns which one Postgres cannot read, or cannot even say so in time."""
    first, *others = _regexes(statement)
    for field in [first, *others] if others else []:
        try:
            with connection.transaction():
                _limit(connection, _ONE_REGEX_TIMEOUT)
                connection.execute("SELECT '' ~* %s", [statement.parameters[field]])
        except (psycopg.errors.InvalidRegularExpression, psycopg.errors.QueryCanceled):
            return field
    return first


def _limit(connection: Connection[Any], timeout: str) -> None:
    connection.execute(f"SET LOCAL statement_timeout = '{timeout}'".encode())


def _page(query: LinkQuery, rows: Sequence[Any]) -> LinkPage:
    shown = rows[: query.page_size]
    links = ",".join([row[0] for row in shown])
    more = len(rows) > query.page_size
    token = f'"{token_after(query, shown[-1])}"' if more else "null"
    return LinkPage(f'{{"links":[{links}],"next_page_token":{token}}}'.encode())


@dataclass(frozen=True, slots=True)
class _Position:
    """How far a client has come in the changes of a collection.

    Attributes:
        seen: the version of the last change that it has seen.
        link_id: the last link of that version.
        complete_from: the version from which on it has to know deletions; those before are of links
            that it was never told of, or it knows them all.
    """

    seen: int
    link_id: int
    complete_from: int


def _position(since: str) -> _Position:
    try:
        seen, link_id, complete_from = decode_token(since, (int, int, int))
    except InvalidArgument:
        raise InvalidArgument.of("since", "is not a token of this list") from None
    return _Position(int(seen), int(link_id), int(complete_from))


def _beginning(connection: Connection[Any], username: str) -> _Position:
    version, _ = _versions(connection, username)
    return _Position(0, 0, version)


def _versions(connection: Connection[Any], username: str) -> tuple[int, int]:
    """Returns the version of a collection, and that up to which deletions are forgotten."""
    return connection.execute(_VERSIONS, [username]).fetchone() or (0, 0)


def _changes(rows: Sequence[Any], position: _Position, page_size: int) -> ChangePage:
    shown, more = rows[:page_size], len(rows) > page_size
    seen, link_id = shown[-1][1:] if shown else (position.seen, position.link_id)
    complete_from = position.complete_from if more else max(position.complete_from, seen)
    token = encode_token(seen, link_id, complete_from)
    changes = ",".join(row[0] for row in shown)
    has_more = "true" if more else "false"
    return ChangePage(
        f'{{"changes":[{changes}],"next_token":"{token}","has_more":{has_more}}}'.encode()
    )
