"""The outbox's table, for the migrations of every service that has one."""

from typing import Final

CREATE_OUTBOX: Final = """
CREATE TABLE outbox (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL DEFAULT uuidv7() UNIQUE,
    subject text NOT NULL,
    key text NOT NULL,
    data jsonb NOT NULL,
    context jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at timestamptz
);

CREATE INDEX outbox_unpublished ON outbox (position) WHERE published_at IS NULL;
"""
"""Never edited, as migrations have run it: what changes later is a statement of its own."""
