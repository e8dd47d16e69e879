"""Names of advertisers that mention a sensitive topic, and were asked to be allowed."""

import sqlalchemy as sa
from alembic import op

revision = "0078"
down_revision = "0077"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the table; what it is for is told where the practice declares it."""
    op.create_table(
        "ad_name",
        sa.Column("party", WORD, primary_key=True),
        sa.Column("name", WORD, nullable=False),
        sa.Column("domain", WORD, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("asked_by", ID, nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("decided_by", ID, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
