"""Accounts that came to us from another provider, and what came along with each."""

import sqlalchemy as sa
from alembic import op

revision = "0059"
down_revision = "0058"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the tables; what they are for is told where the practice declares them."""
    op.create_table(
        "takeover_arrival",
        sa.Column("closing_id", ID, primary_key=True),
        sa.Column("account", WORD, primary_key=True),
        sa.Column("archive", WORD, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "takeover_proof",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("closing_id", ID, primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
