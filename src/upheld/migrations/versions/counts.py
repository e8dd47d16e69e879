"""How often clauses decided and what was disclosed, by month, and what of it was published."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    """Make the tables; the job counts the log from its first entry."""
    op.create_table(
        "counted",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "clause_count",
        sa.Column("month", sa.String(255), primary_key=True),
        sa.Column("clause", sa.String(255), primary_key=True),
        sa.Column("decided", sa.BigInteger, nullable=False),
        sa.Column("refused", sa.BigInteger, nullable=False),
        sa.Column("last", sa.String(255), nullable=False),
        sa.Column("mac", sa.LargeBinary),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "disclosure_count",
        sa.Column("month", sa.String(255), primary_key=True),
        sa.Column("information", sa.String(255), primary_key=True),
        sa.Column("recipient", sa.String(255), primary_key=True),
        sa.Column("times", sa.BigInteger, nullable=False),
        sa.Column("mac", sa.LargeBinary),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "published_count",
        sa.Column("month", sa.String(255), primary_key=True),
        sa.Column("entry", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
