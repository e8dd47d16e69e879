"""Lines of a partner's that somebody said are not of the customer whom they are like."""

import sqlalchemy as sa
from alembic import op

revision = "0074"
down_revision = "0073"

WORD = sa.String(255)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "likeness_refused",
        sa.Column("person_id", sa.String(32), primary_key=True),
        sa.Column("party", WORD, primary_key=True),
        sa.Column("mark", WORD, primary_key=True),
        sa.Column("mac", sa.LargeBinary),
    )
