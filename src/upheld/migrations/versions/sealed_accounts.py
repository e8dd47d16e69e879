"""Accounts, with a MAC each."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Add the column; what is in it is written when the database is opened with its keyring."""
    op.add_column("account", sa.Column("mac", sa.LargeBinary))
