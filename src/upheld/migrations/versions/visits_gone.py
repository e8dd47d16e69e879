"""A block of visits that a hold alone keeps says when they were told as gone."""

import sqlalchemy as sa
from alembic import op

revision = "0085"
down_revision = "0084"


def upgrade() -> None:
    """Add the column, empty."""
    op.add_column("visit_block", sa.Column("gone", sa.BigInteger()))
