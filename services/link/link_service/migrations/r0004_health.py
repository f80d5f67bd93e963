"""Health: what is known of a URL from its checks, and a next check for every one of them."""

from alembic import op
from sqlalchemy import text

from link_service.domain import host_of, normalize_url

revision = "0004"
down_revision = "0003"

COLUMNS = """
-- See `link_service.health.Health`.
ALTER TABLE urls
    ADD COLUMN attempts int NOT NULL DEFAULT 0,
    ADD COLUMN failures int NOT NULL DEFAULT 0,
    ADD COLUMN health_since timestamptz;
UPDATE urls SET attempts = 1, health_since = checked_at,
                failures = CASE WHEN status = 'invalid' THEN 1 ELSE 0 END
WHERE checked_at IS NOT NULL;

-- A check that somebody waits for goes ahead of the others. All that have been made are due again
-- within a day.
ALTER TABLE urls
    ADD COLUMN host text,
    ADD COLUMN check_urgent boolean NOT NULL DEFAULT false;
UPDATE urls SET check_due_at = now() + CASE
    WHEN status = 'pending' THEN interval '0' ELSE random() * interval '1 day' END
WHERE check_due_at IS NULL;
"""

CONSTRAINTS = """
ALTER TABLE urls
    ALTER COLUMN host SET NOT NULL,
    ALTER COLUMN check_due_at SET NOT NULL;

-- With the host, so that those of a busy one are passed over without being read.
DROP INDEX urls_due;
CREATE INDEX urls_due ON urls (check_urgent, check_due_at, id) INCLUDE (host);
DROP INDEX urls_asked;
CREATE INDEX urls_asked ON urls (host, check_asked_at) WHERE check_asked_at IS NOT NULL;
"""


def upgrade() -> None:
    """Adds columns, fills them for the URLs that are there, and only then builds the indexes."""
    op.execute(COLUMNS)
    connection = op.get_bind()
    update = text("UPDATE urls SET host = :host WHERE id = :id")
    for rows in connection.execute(text("SELECT id, url FROM urls")).partitions(1000):
        hosts = [{"id": number, "host": host_of(normalize_url(url))} for number, url in rows]
        connection.execute(update, hosts)
    op.execute(CONSTRAINTS)
