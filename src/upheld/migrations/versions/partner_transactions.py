"""What customers bought from business partners, and which feeds told us of that."""

import sqlalchemy as sa
from alembic import op

revision = "0066"
down_revision = "0065"


def upgrade() -> None:
    """Make the table, which is told in `upheld/practice/tables.py`; feeds of before told values."""
    op.create_table(
        "partner_transaction",
        sa.Column("person_id", sa.String(32), primary_key=True),
        sa.Column("party", sa.String(255), primary_key=True),
        sa.Column("mark", sa.String(255), primary_key=True),
        sa.Column("feed_id", sa.String(32), nullable=False),
        sa.Column("received", sa.String(255), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_index(
        "partner_transaction_once", "partner_transaction", ["party", "mark"], unique=True
    )
    op.create_index("partner_transaction_feed", "partner_transaction", ["feed_id", "person_id"])
    op.add_column("feed", sa.Column("kind", sa.String(255)))
