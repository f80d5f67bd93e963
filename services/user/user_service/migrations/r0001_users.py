"""Accounts, sessions, API tokens, and the outbox."""

from alembic import op

from delinkcious.outbox import CREATE_OUTBOX

revision = "0001"
down_revision = None

SCHEMA = """
-- Somebody is who GitHub's numeric id says: logins change, and change hands. Usernames never do.
CREATE TABLE accounts (
    github_id bigint PRIMARY KEY,
    username text COLLATE "C" NOT NULL UNIQUE CHECK (username = lower(username)),
    name text NOT NULL,
    email text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Of tokens there is only the SHA-256, by which they are found.
CREATE TABLE sessions (
    digest bytea PRIMARY KEY CHECK (length(digest) = 32),
    username text COLLATE "C" NOT NULL REFERENCES accounts (username) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_of_user ON sessions (username);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE api_tokens (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
    username text COLLATE "C" NOT NULL REFERENCES accounts (username) ON DELETE CASCADE,
    name text NOT NULL,
    scopes text[],
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    UNIQUE (username, name)
);
CREATE INDEX api_tokens_by_expiry ON api_tokens (expires_at) WHERE expires_at IS NOT NULL;
"""


def upgrade() -> None:
    """Creates everything."""
    op.execute(SCHEMA)
    op.execute(CREATE_OUTBOX)
