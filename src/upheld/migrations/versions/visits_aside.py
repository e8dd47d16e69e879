"""What a hold keeps of a browser's visits stands under a cookie of its own, and says so."""

import sqlalchemy as sa
from alembic import op

revision = "0081"
down_revision = "0080"


def upgrade() -> None:
    """Add the columns, empty."""
    op.add_column("visit_tie", sa.Column("aside", sa.Boolean()))
    op.add_column("visit_tie", sa.Column("shared", sa.Boolean()))
