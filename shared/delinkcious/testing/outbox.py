"""What a service has handed over to be published."""

from delinkcious.database import Database
from delinkcious.outbox import Entry


def outbox_of(database: Database) -> list[Entry]:
    """Returns the events in the outbox of a database, oldest first."""
    with database.connection() as connection:
        rows = connection.execute("SELECT subject, key, data FROM outbox ORDER BY position")
        return [Entry(*row) for row in rows]
