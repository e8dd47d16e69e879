"""The keys by which partners' pages tell us of visits."""

import sqlalchemy as sa
from alembic import op

revision = "0065"
down_revision = "0064"


def upgrade() -> None:
    """Make the table; what it is for is told where the practice declares it."""
    op.create_table(
        "beacon_key",
        sa.Column("key", sa.String(32), primary_key=True),
        sa.Column("party", sa.String(255), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("state", sa.String(255), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.String(255), nullable=False),
        sa.Column("ended", sa.BigInteger),
        sa.Column("ended_by", sa.String(255), nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
