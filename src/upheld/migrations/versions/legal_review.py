"""What was released in an emergency is reviewed by somebody else."""

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0048"


def upgrade() -> None:
    """Add who reviewed it, and when."""
    op.add_column("legal_instrument", sa.Column("reviewed", sa.BigInteger))
    op.add_column("legal_instrument", sa.Column("reviewed_by", sa.String(32)))
