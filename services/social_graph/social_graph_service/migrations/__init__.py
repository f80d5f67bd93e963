"""The schema of the social graph service's database: raw SQL, one module a revision.

`PRIVILEGES` is what the service's role may do, see `delinkcious.migrations`. What belongs to the
owner alone is not there. As with columns: what the running version needs goes last.
"""

from typing import Final

PRIVILEGES: Final = {
    "follows": "SELECT, INSERT, DELETE",
    "outbox": "SELECT, INSERT, UPDATE, DELETE",
    "purges": "SELECT, INSERT, UPDATE, DELETE",
}
