"""Hidden advertisements, bitmaps of groups, and pictures of advertisements."""

import sqlalchemy as sa
from alembic import op

revision = "0069"
down_revision = "0068"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the tables; what they are for is told where the practice declares them."""
    op.create_table(
        "ad_hide",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "ad_segment",
        sa.Column("word", WORD, primary_key=True),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "ad_picture",
        sa.Column("campaign_id", ID, primary_key=True),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("alternative", WORD, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("picture", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
