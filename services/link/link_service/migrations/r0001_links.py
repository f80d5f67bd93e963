"""Links, their URLs and tags, and the outbox."""

from alembic import op

from delinkcious.outbox import CREATE_OUTBOX

revision = "0001"
down_revision = None

SCHEMA = """
-- One row for each URL that anybody saved, so that one check serves everybody who saved it.
-- The digest (SHA-256 of the normalised form) is the key because a URL may not fit into an index.
CREATE TABLE urls (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
    url text NOT NULL,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'valid', 'invalid')),
    outcome text,
    http_status smallint,
    checked_at timestamptz
);

CREATE TABLE links (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username text NOT NULL,
    url_id bigint NOT NULL REFERENCES urls,
    url text NOT NULL,
    title text NOT NULL,
    description text NOT NULL,
    tags text[] NOT NULL,
    visibility text NOT NULL CHECK (visibility IN ('public', 'private')),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (username, url_id)
);
CREATE INDEX links_newest ON links (username, created_at DESC, id DESC);
CREATE INDEX links_of_url ON links (url_id);

-- The tags once more, for filters and counts; links.tags is what a link shows.
CREATE TABLE link_tags (
    username text NOT NULL,
    tag text NOT NULL,
    created_at timestamptz NOT NULL,
    link_id bigint NOT NULL REFERENCES links ON DELETE CASCADE,
    PRIMARY KEY (username, tag, created_at, link_id)
);
CREATE INDEX link_tags_of_link ON link_tags (link_id);

-- How many links each user has. Its row lock is what makes the limit hold under concurrent adds.
CREATE TABLE collections (
    username text PRIMARY KEY,
    link_count bigint NOT NULL CHECK (link_count >= 0)
);
"""


def upgrade() -> None:
    """Creates everything."""
    op.execute(SCHEMA)
    op.execute(CREATE_OUTBOX)
