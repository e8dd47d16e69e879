"""Closings of takeovers, the accounts that they cover, and what was made up for the successor."""

import sqlalchemy as sa
from alembic import op

revision = "0056"
down_revision = "0055"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the tables; what they are for is told where the practice declares them."""
    op.create_table(
        "takeover",
        sa.Column("closing_id", ID, primary_key=True),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("party", WORD, nullable=False),
        sa.Column("covers", WORD, nullable=False),
        sa.Column("effective", sa.BigInteger, nullable=False),
        sa.Column("opened", sa.BigInteger, nullable=False),
        sa.Column("opened_by", ID, nullable=False),
        sa.Column("settled", sa.BigInteger),
        sa.Column("settled_by", WORD, nullable=False),
        sa.Column("ended", sa.BigInteger),
        sa.Column("ended_by", WORD, nullable=False),
        sa.Column("accounts", sa.BigInteger, nullable=False),
        sa.Column("handed", sa.BigInteger, nullable=False),
        sa.Column("digest", WORD, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "takeover_document",
        sa.Column("closing_id", ID, primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "takeover_account",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("closing_id", ID, primary_key=True),
        sa.Column("state", WORD, nullable=False),
        sa.Column("record_id", ID),
        sa.Column("entry", sa.BigInteger),
        sa.Column("moved", sa.BigInteger),
        sa.Column("done_id", ID),
        sa.Column("notice", WORD, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_index("takeover_account_state", "takeover_account", ["closing_id", "state"])
    op.create_index("takeover_account_notice", "takeover_account", ["notice"])
    op.create_table(
        "takeover_parcel",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("closing_id", ID, primary_key=True),
        sa.Column("digest", WORD, nullable=False),
        sa.Column("encrypted", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_index("takeover_parcel_closing", "takeover_parcel", ["closing_id"])
