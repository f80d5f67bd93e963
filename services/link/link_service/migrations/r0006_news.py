"""What tells the links that came by imports from those that are news."""

from alembic import op

revision = "0006"
down_revision = "0005"

SCHEMA = """
-- `import_id` is the import that added a link, this the one that replaced it last.
ALTER TABLE links ADD COLUMN replaced_by bigint;

-- The newest of somebody's links that were added one by one, however many were imported since.
CREATE INDEX links_news ON links (username, created_at DESC, id DESC)
    WHERE visibility = 'public' AND import_id IS NULL;
"""


def upgrade() -> None:
    """Adds what versions that do not know it leave alone."""
    op.execute(SCHEMA)
