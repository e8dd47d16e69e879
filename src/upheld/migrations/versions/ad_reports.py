"""What advertisers read and pay with noise, estimates of groups, and what customers report.

Counts of before were not bounded for each person, so that no noise would protect them: they go.
"""

import sqlalchemy as sa
from alembic import op

revision = "0068"
down_revision = "0067"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the tables; what they are for is told where the practice declares them."""
    op.add_column("campaign", sa.Column("paid_by", WORD))
    op.add_column("campaign", sa.Column("cents", sa.Integer))
    op.execute("DELETE FROM ad_count")
    op.create_table(
        "ad_report",
        sa.Column("campaign_id", ID, primary_key=True),
        sa.Column("day", WORD, primary_key=True),
        sa.Column("views", sa.Integer, nullable=False),
        sa.Column("clicks", sa.Integer, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "ad_release",
        sa.Column("month", WORD, primary_key=True),
        sa.Column("kind", WORD, primary_key=True),
        sa.Column("points", sa.Integer, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "ad_estimate",
        sa.Column("criteria", WORD, primary_key=True),
        sa.Column("people", sa.Integer, nullable=False),
        sa.Column("smallest", sa.Integer, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "ad_share",
        sa.Column("mark", WORD, primary_key=True),
        sa.Column("month", WORD, nullable=False),
        sa.Column("views", sa.Integer, nullable=False),
        sa.Column("clicks", sa.Integer, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "ad_complaint",
        sa.Column("campaign_id", ID, primary_key=True),
        sa.Column("reason", WORD, primary_key=True),
        sa.Column("waiting", sa.Integer, nullable=False),
        sa.Column("reviewed", sa.Integer, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
