"""What was found not whole, whom a job set aside, and how far a look has come."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "finding",
        sa.Column("person_id", sa.String(32), primary_key=True),
        sa.Column("finding_id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(255), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "set_aside",
        sa.Column("person_id", sa.String(32), primary_key=True),
        sa.Column("job", sa.String(255), primary_key=True),
        sa.Column("about", sa.String(255), primary_key=True),
        sa.Column("why", sa.String(255), nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "look",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("place", sa.String(255), nullable=False),
        sa.Column("begun", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger),
        sa.Column("mac", sa.LargeBinary),
    )
