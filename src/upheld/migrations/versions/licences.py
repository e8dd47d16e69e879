"""Licences of what other companies tell us of customers."""

import sqlalchemy as sa
from alembic import op

revision = "0073"
down_revision = "0072"

WORD = sa.String(255)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "licence",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("party", WORD, nullable=False),
        sa.Column("digest", WORD, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger),
        sa.Column("registered", sa.BigInteger, nullable=False),
        sa.Column("registered_by", WORD, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
