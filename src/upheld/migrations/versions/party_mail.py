"""Where mail to companies of the register goes, and the letters to them."""

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision = "0060"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the tables, which are told in `upheld/practice/tables.py`."""
    op.create_table(
        "party_mailbox",
        sa.Column("party", WORD, primary_key=True),
        sa.Column("address", WORD, nullable=False),
        sa.Column("added", sa.BigInteger, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "party_letter",
        sa.Column("letter_id", ID, primary_key=True),
        sa.Column("party", WORD, nullable=False),
        sa.Column("subject", WORD, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
        sa.Column("due", sa.BigInteger),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("ended", sa.BigInteger),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_index("party_letter_due", "party_letter", ["state", "due"])
