"""What is kept of visits, the keys of their days, and how far each log was read."""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the tables; what they are for is told where the practice declares them."""
    op.create_table(
        "visit_day",
        sa.Column("day", WORD, primary_key=True),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "visit_block",
        sa.Column("block_id", ID, primary_key=True),
        sa.Column("day", WORD, nullable=False),
        sa.Column("source", WORD, nullable=False),
        sa.Column("fields", WORD, nullable=False),
        sa.Column("clauses", WORD, nullable=False),
        sa.Column("visits", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_index("visit_block_day", "visit_block", ["day"])
    op.create_table(
        "log_reading",
        sa.Column("beginning", WORD, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("place", sa.BigInteger, nullable=False),
        sa.Column("tail", sa.LargeBinary, nullable=False),
        sa.Column("last_read", sa.BigInteger, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
