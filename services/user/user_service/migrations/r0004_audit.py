"""The audit trail."""

from alembic import op

revision = "0004"
down_revision = "0003"

SCHEMA = """
-- The id is the event's, so that an event that comes again is one row. There is no reference to the
-- account: what is deleted with it, and what stays without its name, is for audit_forget to say.
CREATE TABLE audit (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    username text COLLATE "C",
    action text NOT NULL,
    outcome text NOT NULL,
    service text NOT NULL,
    address text,
    user_agent text,
    token_id bigint,
    token_name text,
    details jsonb NOT NULL
);
CREATE INDEX audit_of_user ON audit (username, at, id) WHERE username IS NOT NULL;
CREATE INDEX audit_by_time ON audit (at);

-- Nothing is changed in it, nor taken out but by the two functions below, which say what may go.
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('delinkcious.audit_removal', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_never_empty BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

-- They run as the owner of the table: the service's role needs no right to delete from it.
CREATE FUNCTION audit_forget(deletion uuid) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    forgotten bigint;
BEGIN
    PERFORM set_config('delinkcious.audit_removal', 'on', true);
    DELETE FROM audit USING accounts
    WHERE accounts.deletion_id = deletion AND audit.username = accounts.username;
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    PERFORM set_config('delinkcious.audit_removal', 'off', true);
    RETURN forgotten;
END
$$;

CREATE FUNCTION audit_expire(keep interval, at_most bigint) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    expired bigint;
BEGIN
    IF keep < interval '30 days' THEN
        RAISE EXCEPTION 'the audit trail is kept for 30 days at least'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM set_config('delinkcious.audit_removal', 'on', true);
    DELETE FROM audit WHERE id IN (
        SELECT id FROM audit WHERE at < now() - keep
        ORDER BY at LIMIT at_most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS expired = ROW_COUNT;
    PERFORM set_config('delinkcious.audit_removal', 'off', true);
    RETURN expired;
END
$$;
"""


def upgrade() -> None:
    """Adds the table; versions that do not know it go on as before."""
    op.execute(SCHEMA)
