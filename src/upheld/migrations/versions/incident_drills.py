"""Practice alarms: whether an incident is one, and until when its notices would be owed."""

import sqlalchemy as sa
from alembic import op

revision = "0067"
down_revision = "0066"


def upgrade() -> None:
    """Add the columns, which stay empty of what happened."""
    op.add_column("incident", sa.Column("drill", sa.Integer))
    op.add_column("incident", sa.Column("deadline", sa.BigInteger))
