"""Up to which day the use of somebody is billed, where somebody else pays from then on."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "billed_until",
        sa.Column("person_id", sa.String(32), primary_key=True),
        sa.Column("day", sa.BigInteger, nullable=False),
    )
