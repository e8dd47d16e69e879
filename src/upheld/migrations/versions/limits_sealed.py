"""Counts of tries have a MAC each, and a batch that people were cut from says who is left."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Add the columns; what is in them is written when the database is opened with its keyring."""
    op.add_column("bucket", sa.Column("mac", sa.LargeBinary))
    op.add_column("severed", sa.Column("rest", sa.LargeBinary))
