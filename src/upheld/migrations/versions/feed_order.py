"""Files of transactions are taken in customer by customer; those begun before, in their order."""

import sqlalchemy as sa
from alembic import op

revision = "0080"
down_revision = "0079"


def upgrade() -> None:
    """Add the column, which stays empty of what was begun before."""
    op.add_column("feed", sa.Column("arrangement", sa.String(255)))
