"""A transaction with a partner says when it was told as gone though a hold keeps it."""

import sqlalchemy as sa
from alembic import op

revision = "0084"
down_revision = "0083"


def upgrade() -> None:
    """Add the column, empty."""
    op.add_column("partner_transaction", sa.Column("gone", sa.BigInteger()))
