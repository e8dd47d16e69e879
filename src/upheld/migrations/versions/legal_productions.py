"""What was released under an instrument and is not delivered yet."""

import sqlalchemy as sa
from alembic import op

revision = "0063"
down_revision = "0062"


def upgrade() -> None:
    """Make the table, which is told in `upheld/practices/legal/tables.py`."""
    op.create_table(
        "legal_production",
        sa.Column("instrument_id", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
