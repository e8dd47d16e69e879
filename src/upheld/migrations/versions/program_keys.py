"""The public keys by which programs of companies prove who they are."""

import sqlalchemy as sa
from alembic import op

revision = "0062"
down_revision = "0061"


def upgrade() -> None:
    """Make the table, which is told in `upheld/practice/tables.py`."""
    op.create_table(
        "party_program_key",
        sa.Column("party", sa.String(255), primary_key=True),
        sa.Column("pem", sa.Text, nullable=False),
        sa.Column("added", sa.BigInteger, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
