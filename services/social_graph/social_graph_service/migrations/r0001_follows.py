"""Who follows whom, and the outbox."""

from alembic import op

from delinkcious.outbox import CREATE_OUTBOX

revision = "0001"
down_revision = None

SCHEMA = """
-- Usernames sort by code point, the same on every server, because page tokens hold them.
-- The primary key lists the followers of a user, the index those whom a user follows.
CREATE TABLE follows (
    followed text COLLATE "C" NOT NULL,
    follower text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (followed, follower),
    CHECK (followed <> follower)
);
CREATE INDEX follows_of_follower ON follows (follower, followed);
"""


def upgrade() -> None:
    """Creates everything."""
    op.execute(SCHEMA)
    op.execute(CREATE_OUTBOX)
