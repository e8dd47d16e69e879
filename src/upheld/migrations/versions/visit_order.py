"""Blocks of visits say with which bits their tokens begin, and are counted without being read."""

import sqlalchemy as sa
from alembic import op

revision = "0072"
down_revision = "0071"


def upgrade() -> None:
    """Add the column, empty: the job of visits puts the days that are over in order."""
    op.add_column("visit_block", sa.Column("token_bits", sa.String(255)))
    op.drop_index("visit_block_day", "visit_block")
    columns = ["day", "source", "fields", "clauses", "token_bits", "visits"]
    op.create_index("visit_block_day", "visit_block", columns)
