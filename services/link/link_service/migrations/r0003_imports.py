"""Imports: the files that were given, and how far each is."""

from alembic import op

revision = "0003"
down_revision = "0002"

SCHEMA = """
-- A file is there as chunks while it is being sent and read. The row counts move on in the
-- transaction that stores the rows, so whoever goes on after a crash knows which are done.
CREATE TABLE imports (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username text NOT NULL,
    status text NOT NULL CHECK (
        status IN ('receiving', 'queued', 'running', 'done', 'failed', 'cancelled')),
    format text NOT NULL CHECK (format IN ('html', 'json', 'csv')),
    policy text NOT NULL CHECK (policy IN ('skip', 'merge', 'replace')),
    folders_as_tags boolean NOT NULL,
    visibility text NOT NULL CHECK (visibility IN ('public', 'private')),
    size bigint NOT NULL DEFAULT 0,
    bytes_read bigint NOT NULL DEFAULT 0,
    rows_done bigint NOT NULL DEFAULT 0,
    added bigint NOT NULL DEFAULT 0,
    merged bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    errors jsonb NOT NULL DEFAULT '[]',
    lease_until timestamptz,
    lease bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX imports_of_user ON imports (username, id DESC);
CREATE INDEX imports_waiting ON imports (id) WHERE status IN ('receiving', 'queued', 'running');
CREATE INDEX imports_ended ON imports (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE import_chunks (
    import_id bigint NOT NULL REFERENCES imports ON DELETE CASCADE,
    position int NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (import_id, position)
);
ALTER TABLE import_chunks ALTER COLUMN data SET STORAGE EXTERNAL;

-- The import that wrote a link last: when the same link comes again in its file, as it does once a
-- label, tags add up whatever the policy.
ALTER TABLE links ADD COLUMN import_id bigint;
"""


def upgrade() -> None:
    """Creates everything."""
    op.execute(SCHEMA)
