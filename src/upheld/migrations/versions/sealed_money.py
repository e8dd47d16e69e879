"""What was ordered, invoiced, paid and handed to agents: with a MAC each."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"

TABLES = (
    "service_order",
    "invoice",
    "billed",
    "billed_until",
    "invoice_number",
    "payment_intent",
    "debt",
    "sandbox_card",
    "sandbox_charge",
)


def upgrade() -> None:
    """Add the columns; what is in them is written when the database is opened with its keyring."""
    for table in TABLES:
        op.add_column(table, sa.Column("mac", sa.LargeBinary))
