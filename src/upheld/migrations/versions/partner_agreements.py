"""Agreements with trusted partners, signed by both sides, and the keys by which partners sign."""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the tables; what they are for is told where the practice declares them."""
    op.create_table(
        "partner_agreement",
        sa.Column("agreement_id", ID, primary_key=True),
        sa.Column("party", WORD, nullable=False),
        sa.Column("digest", WORD, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("starts", sa.BigInteger, nullable=False),
        sa.Column("ends", sa.BigInteger, nullable=False),
        sa.Column("statement", sa.Text, nullable=False),
        sa.Column("drafted_by", WORD, nullable=False),
        sa.Column("drafted", sa.BigInteger, nullable=False),
        sa.Column("our_signature", sa.LargeBinary, nullable=False),
        sa.Column("our_key", sa.LargeBinary, nullable=False),
        sa.Column("signed_by", WORD, nullable=False),
        sa.Column("signed", sa.BigInteger),
        sa.Column("their_signature", sa.LargeBinary, nullable=False),
        sa.Column("their_key", sa.LargeBinary, nullable=False),
        sa.Column("accepted", sa.BigInteger),
        sa.Column("record_id", ID, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "agreement_text",
        sa.Column("digest", WORD, primary_key=True),
        sa.Column("compiled", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "partner_key",
        sa.Column("party", WORD, primary_key=True),
        sa.Column("public", sa.LargeBinary, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("added_by", WORD, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
