"""Second factors, privacy signals and copies to be written anew, with a MAC each."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"

TABLES = ("authenticator", "recovery_code", "signal", "redaction")


def upgrade() -> None:
    """Add the columns; what is in them is written when the database is opened with its keyring."""
    for table in TABLES:
        op.add_column(table, sa.Column("mac", sa.LargeBinary))
