"""The schema of the user service's database: raw SQL, one module a revision.

`PRIVILEGES` is what the service's role may do, see `delinkcious.migrations`. What belongs to the
owner alone is not there. As with columns: what the running version needs goes last.
"""

from typing import Final

PRIVILEGES: Final = {
    "accounts": "SELECT, INSERT, UPDATE, DELETE",
    "api_tokens": "SELECT, INSERT, UPDATE, DELETE",
    "audit": "SELECT, INSERT",
    "deletion_steps": "SELECT, INSERT, UPDATE",
    "deletions": "SELECT, INSERT, UPDATE",
    "feed_secrets": "SELECT, INSERT, UPDATE, DELETE",
    "finished_logins": "SELECT, INSERT, UPDATE, DELETE",
    "outbox": "SELECT, INSERT, UPDATE, DELETE",
    "sessions": "SELECT, INSERT, UPDATE, DELETE",
    # The trail is never changed; what may go of it, its owner's functions say.
    "FUNCTION audit_expire(interval, bigint)": "EXECUTE",
    "FUNCTION audit_forget(uuid)": "EXECUTE",
}
