"""A session says on which device it is."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the column; sessions that are there have a device that nobody noted."""
    op.add_column("session", sa.Column("device", sa.String(255), nullable=False, server_default=""))
