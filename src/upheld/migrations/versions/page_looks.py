"""Which groups of our pages people looked at of late, and how far that is read."""

import sqlalchemy as sa
from alembic import op

revision = "0075"
down_revision = "0074"

WORD = sa.String(255)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "page_look",
        sa.Column("person_id", sa.String(32), primary_key=True),
        sa.Column("day", WORD, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "page_look_making",
        sa.Column("word", WORD, primary_key=True),
        sa.Column("begun", sa.BigInteger, nullable=False),
        sa.Column("lots", sa.Integer, nullable=False),
        sa.Column("made_under", WORD, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
