"""Blocks of visits that a hold alone keeps are marked, so that no count has them."""

import sqlalchemy as sa
from alembic import op

revision = "0076"
down_revision = "0075"


def upgrade() -> None:
    """Add the column, empty: the job of visits marks those whose time is over."""
    op.add_column("visit_block", sa.Column("apart", sa.Boolean()))
    op.drop_index("visit_block_day", "visit_block")
    columns = ["day", "source", "fields", "clauses", "token_bits", "apart", "visits"]
    op.create_index("visit_block_day", "visit_block", columns)
