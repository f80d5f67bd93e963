"""Sessions that can be listed and revoked, and when tokens were used last."""

from alembic import op

revision = "0005"
down_revision = "0004"

SCHEMA = """
-- What its owner is told of a session instead of its token; and when it was used last, to within a
-- minute. There is no index on that, so that an update of it touches no index.
ALTER TABLE sessions
    ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    ADD COLUMN client text NOT NULL DEFAULT '',
    ADD COLUMN last_used_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE api_tokens ADD COLUMN last_used_at timestamptz;

-- Logins that have opened their session, by the digest of their state, for as long as the state
-- could come again.
CREATE TABLE finished_logins (
    digest bytea PRIMARY KEY CHECK (length(digest) = 32),
    finished_at timestamptz NOT NULL
);
CREATE INDEX finished_logins_by_time ON finished_logins (finished_at);
"""


def upgrade() -> None:
    """Adds to the tables; versions that do not know it go on as before."""
    op.execute(SCHEMA)
