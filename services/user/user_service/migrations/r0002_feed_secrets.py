"""The secrets that open news feeds."""

from alembic import op

revision = "0002"
down_revision = "0001"

SCHEMA = """
-- Whoever has the secret reads the news of one user, without a token; stored as tokens are.
CREATE TABLE feed_secrets (
    username text COLLATE "C" PRIMARY KEY REFERENCES accounts (username) ON DELETE CASCADE,
    digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
    created_at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    """Adds the table; versions that do not know it go on as before."""
    op.execute(SCHEMA)
