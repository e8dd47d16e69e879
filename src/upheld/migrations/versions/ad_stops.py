"""A campaign says when it was stopped: nothing is reported or charged of days on which it was."""

import sqlalchemy as sa
from alembic import op

revision = "0083"
down_revision = "0082"


def upgrade() -> None:
    """Add the column, empty."""
    op.add_column("campaign", sa.Column("stops", sa.Text()))
