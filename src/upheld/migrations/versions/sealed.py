"""Rows that decide carry a MAC, and people a cover over theirs; both are made with the keyring."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

TABLES = ("blind_index", "item", "erasure", "dropped", "backup")


def upgrade() -> None:
    """Add the columns; what is in them is written when the database is opened with its keyring."""
    op.add_column("person", sa.Column("cover", sa.LargeBinary))
    for table in TABLES:
        op.add_column(table, sa.Column("mac", sa.LargeBinary))
