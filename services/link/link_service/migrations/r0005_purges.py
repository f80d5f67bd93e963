"""Which accounts were deleted."""

from alembic import op

from delinkcious.purges import CREATE_PURGES

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Adds the table; versions that do not know it go on as before."""
    op.execute(CREATE_PURGES)
