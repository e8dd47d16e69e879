"""Whose a cookie of ours is, since they signed in with it."""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"


def upgrade() -> None:
    """Make the table; what it is for is told where the practice declares it."""
    op.create_table(
        "visit_tie",
        sa.Column("person_id", sa.String(32), primary_key=True),
        sa.Column("cookie_mark", sa.String(255), primary_key=True),
        sa.Column("cookie", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
