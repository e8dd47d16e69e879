"""Whose own agreement asks for notice of a version, or for their approval."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    """Make the table from which people are written to about versions."""
    op.create_table(
        "customer_agreement",
        sa.Column("person_id", sa.String(32), primary_key=True),
        sa.Column("fact", sa.String(255), primary_key=True),
        sa.Column("days", sa.Integer, nullable=False),
        sa.Column("settled", sa.String(255), nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_index("customer_agreement_settled", "customer_agreement", ["settled"])
