"""Findings of courts and authorities, by which a clause is struck or restored."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"

WORD = sa.String(255)


def upgrade() -> None:
    """Make the table; what it is for is told where the practice declares it."""
    op.create_table(
        "severing",
        sa.Column("draft_id", sa.String(32), primary_key=True),
        sa.Column("clause", WORD, nullable=False),
        sa.Column("restores", sa.Boolean, nullable=False),
        sa.Column("court", WORD, nullable=False),
        sa.Column("day", WORD, nullable=False),
        sa.Column("reference", WORD, nullable=False),
        sa.Column("words", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
