"""Tasks, requests and invitations, with a MAC each."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"

TABLES = ("task", "rights_request", "invitation")


def upgrade() -> None:
    """Add the columns; what is in them is written when the database is opened with its keyring."""
    for table in TABLES:
        op.add_column(table, sa.Column("mac", sa.LargeBinary))
