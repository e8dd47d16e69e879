"""Anonymous reports, and what was spent of the privacy budget of each period."""

import sqlalchemy as sa
from alembic import op

revision = "0064"
down_revision = "0063"

WORD = sa.String(255)


def upgrade() -> None:
    """Make the tables; what they are for is told where the practice declares them."""
    op.create_table(
        "report",
        sa.Column("report_id", sa.String(32), primary_key=True),
        sa.Column("question", WORD, nullable=False),
        sa.Column("purpose", WORD, nullable=False),
        sa.Column("points", sa.Integer, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("asked_by", WORD, nullable=False),
        sa.Column("answered_at", sa.BigInteger),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "report_budget",
        sa.Column("period", WORD, primary_key=True),
        sa.Column("points", sa.Integer, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
