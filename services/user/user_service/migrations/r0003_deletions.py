"""Deletions of accounts."""

from alembic import op

revision = "0003"
down_revision = "0002"

SCHEMA = """
-- Whose account it was is not here: that goes with the account's own row, which holds the username
-- and the GitHub user until everything else is gone.
CREATE TABLE deletions (
    id uuid PRIMARY KEY,
    requested_at timestamptz NOT NULL,
    until timestamptz NOT NULL,
    tell_at timestamptz NOT NULL,
    told int NOT NULL DEFAULT 1,
    finished_at timestamptz
);
CREATE INDEX deletions_running ON deletions (requested_at) WHERE finished_at IS NULL;

CREATE TABLE deletion_steps (
    deletion_id uuid NOT NULL REFERENCES deletions ON DELETE CASCADE,
    service text NOT NULL,
    confirmed_at timestamptz,
    PRIMARY KEY (deletion_id, service)
);

ALTER TABLE accounts ADD COLUMN deletion_id uuid UNIQUE REFERENCES deletions;
"""


def upgrade() -> None:
    """Adds the tables; versions that do not know them go on as before."""
    op.execute(SCHEMA)
