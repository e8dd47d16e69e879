"""Campaigns of advertisers, their domains, and counts by campaign and day."""

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0054"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the tables; what they are for is told where the practice declares them."""
    op.create_table(
        "advertiser_domain",
        sa.Column("party", WORD, primary_key=True),
        sa.Column("domain", WORD, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "campaign",
        sa.Column("campaign_id", ID, primary_key=True),
        sa.Column("party", WORD, nullable=False),
        sa.Column("title", WORD, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("address", WORD, nullable=False),
        sa.Column("category", WORD, nullable=False),
        sa.Column("criteria", sa.Text, nullable=False),
        sa.Column("begins", sa.BigInteger, nullable=False),
        sa.Column("ends", sa.BigInteger, nullable=False),
        sa.Column("views_max", sa.Integer, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("eligible", sa.Integer, nullable=False),
        sa.Column("smallest", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", WORD, nullable=False),
        sa.Column("reviewed_by", WORD, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "ad_count",
        sa.Column("campaign_id", ID, primary_key=True),
        sa.Column("day", WORD, primary_key=True),
        sa.Column("views", sa.Integer, nullable=False),
        sa.Column("clicks", sa.Integer, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
