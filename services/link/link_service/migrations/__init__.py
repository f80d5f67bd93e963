"""The schema of the link service's database: raw SQL, one module a revision.

`PRIVILEGES` is what the service's role may do, see `delinkcious.migrations`. What belongs to the
owner alone is not there. As with columns: what the running version needs goes last.
"""

from typing import Final

PRIVILEGES: Final = {
    "collections": "SELECT, INSERT, UPDATE, DELETE",
    "import_chunks": "SELECT, INSERT, DELETE",
    "imports": "SELECT, INSERT, UPDATE, DELETE",
    "link_tags": "SELECT, INSERT, UPDATE, DELETE",
    "links": "SELECT, INSERT, UPDATE, DELETE",
    "outbox": "SELECT, INSERT, UPDATE, DELETE",
    "purges": "SELECT, INSERT, UPDATE, DELETE",
    "tag_counts": "SELECT, INSERT, UPDATE, DELETE",
    "tombstones": "SELECT, INSERT, DELETE",
    "urls": "SELECT, INSERT, UPDATE, DELETE",
}
