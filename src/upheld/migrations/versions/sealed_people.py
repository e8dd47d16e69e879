"""Who signs in, who works here, who cares for whom, and what was used up: with a MAC each."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

TABLES = (
    "session",
    "link",
    "spent",
    "desk_user",
    "desk_request",
    "desk_own",
    "care",
    "identity_check",
    "passkey",
)


def upgrade() -> None:
    """Add the columns; what is in them is written when the database is opened with its keyring."""
    for table in TABLES:
        op.add_column(table, sa.Column("mac", sa.LargeBinary))
