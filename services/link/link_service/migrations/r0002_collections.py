"""Large collections: search, sorting, counts of tags, and changes to be mirrored."""

from typing import Any

from alembic import op
from sqlalchemy import text

from delinkcious.object_model.links import Visibility
from link_service.domain import title_key
from link_service.search import search_vector

revision = "0002"
down_revision = "0001"

COLUMNS = """
-- Every change of a collection gets the next number, under the row's lock: numbers are in the
-- order of commits, so who has seen one has seen all before it. Up to `forgotten`, deletions are no
-- longer known.
ALTER TABLE collections
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    ADD COLUMN forgotten bigint NOT NULL DEFAULT 0;

-- The status is that of the URL; here so that an index can have it beside the owner and the date.
ALTER TABLE links
    ADD COLUMN status text CHECK (status IN ('pending', 'valid', 'invalid')),
    ADD COLUMN version bigint,
    ADD COLUMN title_key text COLLATE "C",
    ADD COLUMN search tsvector;

-- When the link worker is to ask for a check, null if not at all; and since when it waits for the
-- answer to the one that it asked for.
ALTER TABLE urls ADD COLUMN check_due_at timestamptz, ADD COLUMN check_asked_at timestamptz;
UPDATE urls SET check_due_at = now() WHERE status = 'pending';

-- What the page calls itself, for those who save it without a title.
ALTER TABLE urls ADD COLUMN title text;

CREATE TABLE tag_counts (
    username text NOT NULL,
    tag text COLLATE "C" NOT NULL,
    links bigint NOT NULL CHECK (links >= 0),
    PRIMARY KEY (username, tag)
);

CREATE TABLE tombstones (
    username text NOT NULL,
    version bigint NOT NULL,
    link_id bigint NOT NULL,
    url text NOT NULL,
    deleted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (username, version, link_id)
);
CREATE INDEX tombstones_by_age ON tombstones (deleted_at);

UPDATE links l SET version = 1, status = u.status FROM urls u WHERE u.id = l.url_id;
INSERT INTO tag_counts SELECT username, tag, count(*) FROM link_tags GROUP BY username, tag;
"""

CONSTRAINTS = """
ALTER TABLE links
    ALTER COLUMN status SET NOT NULL,
    ALTER COLUMN version SET NOT NULL,
    ALTER COLUMN title_key SET NOT NULL,
    ALTER COLUMN search SET NOT NULL;

CREATE INDEX links_updated ON links (username, updated_at DESC, id DESC);
CREATE INDEX links_by_title ON links (username, title_key, id);
CREATE INDEX links_changed ON links (username, version, id);
-- Most links are valid; a page of those is found among the newest.
CREATE INDEX links_not_valid ON links (username, status, created_at DESC, id DESC)
    WHERE status <> 'valid';
-- What is new waits in a list that every search has to read, so the list is short.
CREATE INDEX links_search ON links USING gin (search)
    WITH (fastupdate = on, gin_pending_list_limit = 256);
CREATE INDEX urls_due ON urls (check_due_at) WHERE check_due_at IS NOT NULL;
CREATE INDEX urls_asked ON urls (check_asked_at) WHERE check_asked_at IS NOT NULL;
"""


def upgrade() -> None:
    """Adds columns, fills them for the links that are there, and only then builds the indexes."""
    op.execute(COLUMNS)
    connection = op.get_bind()
    select = text("SELECT id, username, url, title, description, tags, visibility FROM links")
    update = text("UPDATE links SET title_key = :key, search = (:search)::tsvector WHERE id = :id")
    for rows in connection.execute(select).partitions(1000):
        connection.execute(update, [_derived(dict(row._mapping)) for row in rows])
    op.execute(CONSTRAINTS)


def _derived(link: dict[str, Any]) -> dict[str, Any]:
    number = link.pop("id")
    link |= {"tags": tuple(link["tags"]), "visibility": Visibility(link["visibility"])}
    return {"id": number, "key": title_key(link["title"]), "search": search_vector(**link)}
