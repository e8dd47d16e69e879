"""Messages to be sent, with a MAC each."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Add the column; what is in it is written when the database is opened with its keyring."""
    op.add_column("outbox", sa.Column("mac", sa.LargeBinary))
