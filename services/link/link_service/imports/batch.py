"""Stores some rows of a file in a collection, in one transaction with the count of rows done.

No news comes of it: nobody wants to read of ten thousand old links. Only what was public and is to
be private is told, so that it can be taken back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson
from psycopg import Connection

from delinkcious.object_model.imports import ImportPolicy, RowProblem
from delinkcious.object_model.links import Link, Visibility
from link_service import events
from link_service.domain import host_of, url_digest
from link_service.imports.rows import Rows, StorableLink, first_tags, stricter
from link_service.queries import LINK_JSON, URL_COLUMNS
from link_service.transaction import PostgresLinkTransaction, columns_of

# By their digests, as everybody locks URLs, so that nobody waits for one who waits for him. Those
# that are there are written to, which locks them: a statement that only read them could not also
# wait for one that is being inserted or deleted just now.
_SAVE_URLS: Final = """
    INSERT INTO urls AS u (digest, url, host, check_due_at)
    SELECT decode(digest, 'hex'), url, host, now()
    FROM json_to_recordset(%s::json) AS new (digest text, url text, host text)
    ORDER BY digest
    ON CONFLICT (digest) DO UPDATE SET url = u.url
    RETURNING id, digest, title
"""
_KNOWN_LINKS: Final = f"""
    SELECT {LINK_JSON}, l.url_id, coalesce(%(import_id)s IN (l.import_id, l.replaced_by), false)
    FROM (
        SELECT links.*, {URL_COLUMNS} FROM links JOIN urls u ON u.id = links.url_id
        WHERE links.username = %(username)s AND links.url_id = ANY(%(urls)s)
    ) l
"""
_ROOM: Final = "SELECT greatest(0, %s - link_count) FROM collections WHERE username = %s"
_INSERT: Final = """
    INSERT INTO links (username, url_id, url, title, description, tags, visibility, status, version,
                       title_key, search, created_at, updated_at, import_id)
    SELECT %(username)s, u.id, new.url, new.title, new.description, new.tags, new.visibility,
           u.status, %(version)s, new.title_key, new.search::tsvector,
           coalesce(new.created_at, now()), coalesce(new.updated_at, new.created_at, now()),
           %(import_id)s
    FROM jsonb_to_recordset(%(links)s::jsonb) AS new (
        url_id bigint, url text, title text, description text, tags text[], visibility text,
        title_key text, search text, created_at timestamptz, updated_at timestamptz)
    JOIN urls u ON u.id = new.url_id
    RETURNING id, tags
"""
_COUNT: Final = "UPDATE collections SET link_count = link_count + %s WHERE username = %s"
_MARK: Final = "UPDATE links SET replaced_by = %s WHERE id = ANY(%s)"
_DATE: Final = """
    WITH dated AS (
        UPDATE links l SET created_at = new.created_at, updated_at = new.updated_at
        FROM jsonb_to_recordset(%s::jsonb) AS new (
            id bigint, created_at timestamptz, updated_at timestamptz)
        WHERE l.id = new.id
        RETURNING l.id, l.created_at
    )
    UPDATE link_tags t SET created_at = dated.created_at
    FROM dated WHERE t.link_id = dated.id AND t.created_at <> dated.created_at
"""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows of somebody's file with what takes no database, so that it may be done ahead: the words
    that a link is found by are most of the work on it.

    Attributes:
        columns: what Postgres is to keep of each link, by its normalized URL, were it new.
    """

    rows: Rows
    columns: Mapping[str, dict[str, Any]]


def prepare(username: str, rows: Rows) -> Prepared:
    """Returns rows of a user's file ready to be stored."""
    columns = {name: columns_of(username, each.link) for name, each in rows.links.items()}
    return Prepared(rows, columns)


@dataclass(slots=True)
class Stored:
    """What became of the rows."""

    added: int = 0
    merged: int = 0
    skipped: int = 0
    failed: int = 0
    problems: list[RowProblem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Url:
    id: int
    title: str | None


@dataclass(frozen=True, slots=True)
class _Known:
    """A link that is there; ``ours`` if this import added or replaced it."""

    link: Link
    ours: bool


class Batch:
    """The rows of one transaction.

    Args:
        limit: how many links a user may have.
    """

    def __init__(
        self,
        connection: Connection[Any],
        username: str,
        import_id: int,
        policy: ImportPolicy,
        limit: int,
    ) -> None:
        self._connection = connection
        self._username = username
        self._import_id = import_id
        self._policy = policy
        self._limit = limit
        self._collection = PostgresLinkTransaction(connection, username)

    def store(self, prepared: Prepared) -> Stored:
        """Stores the links among the rows."""
        rows = prepared.rows
        stored = Stored(failed=rows.failed, merged=rows.repeated, problems=list(rows.problems))
        urls = self._save_urls(rows.links.values())
        known = self._find([url.id for url in urls.values()])
        new = [link for name, link in rows.links.items() if urls[name].id not in known]
        there = [
            (link, known[urls[name].id])
            for name, link in rows.links.items()
            if urls[name].id in known
        ]
        self._change(there, stored)
        self._add(new, prepared.columns, urls, stored)
        return stored

    def _save_urls(self, links: Iterable[StorableLink]) -> dict[str, _Url]:
        digests = {url_digest(link.normalized): link for link in links}
        wanted = [
            {"digest": digest.hex(), "url": link.link.url, "host": host_of(link.normalized)}
            for digest, link in digests.items()
        ]
        saved = self._connection.execute(_SAVE_URLS, [orjson.dumps(wanted).decode()])
        return {
            digests[bytes(digest)].normalized: _Url(number, title)
            for number, digest, title in saved
        }

    def _find(self, urls: Sequence[int]) -> dict[int, _Known]:
        parameters = {
            "username": self._username,
            "urls": list(urls),
            "import_id": self._import_id,
        }
        rows = self._connection.execute(_KNOWN_LINKS.encode(), parameters)
        return {
            url_id: _Known(Link.from_json(orjson.loads(json)), ours) for json, url_id, ours in rows
        }

    def _change(self, there: Sequence[tuple[StorableLink, _Known]], stored: Stored) -> None:
        pairs, dated = list[tuple[Link, Link]](), list[Link]()
        for new, known in there:
            wanted = self._wanted(new, known, stored)
            if wanted == known.link:
                stored.skipped += 1
                continue
            pairs.append((known.link, wanted))
            if self._says_when(new, known):
                dated.append(wanted)
        stored.merged += len(pairs)
        if pairs:
            self._collection.update(pairs)
            self._date(dated)
            self._retract(pairs)
        if self._policy is ImportPolicy.REPLACE and there:
            replaced = [known.link.id for _, known in there]
            self._connection.execute(_MARK, [self._import_id, replaced])

    def _wanted(self, new: StorableLink, known: _Known, stored: Stored) -> Link:
        """Returns what a link that is there is to become."""
        if known.ours:
            return self._added_up(new, known.link, stored)
        match self._policy:
            case ImportPolicy.SKIP:
                return known.link
            case ImportPolicy.REPLACE:
                return _replaced(new, known.link)
            case ImportPolicy.MERGE:
                return self._merged(new, known.link, stored)

    def _merged(self, new: StorableLink, old: Link, stored: Stored) -> Link:
        remarks = list[str]()
        tags = first_tags((*old.tags, *new.link.tags), remarks)
        stored.problems += [RowProblem(new.line, remark) for remark in remarks]
        return replace(
            old,
            title=old.title or new.link.title,
            description=old.description or new.link.description,
            tags=tags,
        )

    def _added_up(self, new: StorableLink, old: Link, stored: Stored) -> Link:
        """Returns a link that comes again in the file that it came from."""
        link = replace(
            self._merged(new, old, stored),
            visibility=stricter(old.visibility, new.link.visibility),
        )
        if new.created_at is None or new.created_at >= old.created_at:
            return link
        updated_at = new.updated_at or new.created_at
        return replace(link, created_at=new.created_at, updated_at=updated_at)

    def _says_when(self, new: StorableLink, known: _Known) -> bool:
        """Tells whether the dates of a link are those of the file, so that it does not change now,
        although something of it does.
        """
        replaces = self._policy is ImportPolicy.REPLACE
        return known.ours or (replaces and bool(new.created_at or new.updated_at))

    def _date(self, links: Sequence[Link]) -> None:
        if links:
            dates = [
                {"id": each.id, "created_at": each.created_at, "updated_at": each.updated_at}
                for each in links
            ]
            self._connection.execute(_DATE, [orjson.dumps(dates).decode()])

    def _retract(self, pairs: Iterable[tuple[Link, Link]]) -> None:
        self._collection.publish(
            *(
                events.link_event(events.UPDATED, self._username, new)
                for old, new in pairs
                if old.visibility is Visibility.PUBLIC and new.visibility is Visibility.PRIVATE
            )
        )

    def _add(
        self,
        new: Sequence[StorableLink],
        columns: Mapping[str, dict[str, Any]],
        urls: dict[str, _Url],
        stored: Stored,
    ) -> None:
        ((room,),) = self._connection.execute(_ROOM, [self._limit, self._username]).fetchall()
        for link in new[room:]:
            detail = f"You may have at most {self._limit} links."
            stored.failed += 1
            stored.problems.append(RowProblem(link.line, detail))
        kept = new[:room]
        if kept:
            parameters = {
                "username": self._username,
                "version": self._collection.version,
                "import_id": self._import_id,
                "links": orjson.dumps(
                    [
                        self._columns(link, columns[link.normalized], urls[link.normalized])
                        for link in kept
                    ]
                ).decode(),
            }
            added = self._connection.execute(_INSERT, parameters).fetchall()
            self._collection.count_new(dict(added))
            self._connection.execute(_COUNT, [len(added), self._username])
            stored.added += len(added)

    def _columns(self, new: StorableLink, columns: dict[str, Any], url: _Url) -> dict[str, Any]:
        if url.title and not new.link.title:
            columns = columns_of(self._username, replace(new.link, title=url.title))
        return {
            "url_id": url.id,
            "url": new.link.url,
            "created_at": new.created_at,
            "updated_at": new.updated_at,
            **columns,
        }


def _replaced(new: StorableLink, old: Link) -> Link:
    """Returns a link with what the file says of it, and as before where it says nothing."""
    link = new.link
    return replace(
        old,
        title=link.title or old.title,
        description=link.description,
        tags=link.tags,
        visibility=link.visibility
        if new.tells_visibility
        else stricter(old.visibility, link.visibility),
        created_at=new.created_at or old.created_at,
        updated_at=new.updated_at or new.created_at or old.updated_at,
    )
