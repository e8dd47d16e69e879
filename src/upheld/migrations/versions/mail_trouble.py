"""A message that could not be sent says why, and messages are listed by their state."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add the column and the index; why earlier messages failed nobody noted."""
    op.add_column("outbox", sa.Column("trouble", sa.String(255), nullable=False, server_default=""))
    op.create_index("outbox_state", "outbox", ["state", "made"])
