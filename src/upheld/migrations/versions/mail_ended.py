"""When a message was sent, or given up."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Add the column; of messages that were sent before, nobody knows when."""
    op.add_column("outbox", sa.Column("ended", sa.BigInteger))
