"""Stores some rows of a file in a collection, in one transaction with the count of rows done.

No news comes of it: nobody wants to read of ten thousand old links. Only what was public and is to
be private is told, so that it can be taken back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson
from psycopg import Connection

from delinkcious.errors import InvalidArgument
from delinkcious.object_model.imports import ImportPolicy, RowProblem
from delinkcious.object_model.links import Link, Visibility
from link_service import events
from link_service.domain import host_of, merge_tags, url_digest
from link_service.imports.rows import Rows, StorableLink
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
    SELECT {LINK_JSON}, l.url_id, l.import_id IS NOT DISTINCT FROM %(import_id)s
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
_MARK: Final = "UPDATE links SET import_id = %s WHERE id = ANY(%s)"


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
    """A link that is there; ``ours`` if this import wrote it."""

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

    def store(self, rows: Rows) -> Stored:
        """Stores the links among the rows."""
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
        self._add(new, rows.columns, urls, stored)
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

    def _change(self, there: Iterable[tuple[StorableLink, _Known]], stored: Stored) -> None:
        pairs = []
        for new, known in there:
            try:
                wanted = self._wanted(new, known)
            except InvalidArgument as error:
                stored.failed += 1
                stored.problems.append(RowProblem(new.line, error.detail))
                continue
            if wanted == known.link:
                stored.skipped += 1
            else:
                pairs.append((known.link, wanted))
        stored.merged += len(pairs)
        if pairs:
            self._collection.update(pairs)
            self._connection.execute(_MARK, [self._import_id, [old.id for old, _ in pairs]])
            self._retract(pairs)

    def _wanted(self, new: StorableLink, known: _Known) -> Link:
        """Returns what a link that is there is to become."""
        old, link = known.link, new.link
        if self._policy is ImportPolicy.SKIP and not known.ours:
            return old
        if self._policy is ImportPolicy.REPLACE and not known.ours:
            return replace(
                old,
                title=link.title or old.title,
                description=link.description,
                tags=link.tags,
                visibility=link.visibility,
            )
        hidden = known.ours and link.visibility is Visibility.PRIVATE
        return replace(
            old,
            visibility=link.visibility if hidden else old.visibility,
            title=old.title or link.title,
            description=old.description or link.description,
            tags=merge_tags(old.tags, add=link.tags, remove=()),
        )

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
        columns: dict[str, dict[str, Any]],
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
