"""What came of a version of the policy with each customer."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    """Make the table: who looked at a version, decided on it, or was written to about it."""
    op.create_table(
        "customer_version",
        sa.Column("person_id", sa.String(32), primary_key=True),
        sa.Column("digest", sa.String(255), primary_key=True),
        sa.Column("matter", sa.String(255), primary_key=True),
        sa.Column("state", sa.String(255), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("message_id", sa.String(32)),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_index("customer_version_state", "customer_version", ["matter", "state"])
