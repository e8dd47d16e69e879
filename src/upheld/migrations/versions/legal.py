"""The legal desk: instruments, their documents, and whom each names."""

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the tables; what they are for is told where the practice declares them."""
    op.create_table(
        "legal_instrument",
        sa.Column("instrument_id", ID, primary_key=True),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("recipient", WORD, nullable=False),
        sa.Column("persons", sa.Integer, nullable=False),
        *(
            sa.Column(name, sa.BigInteger)
            for name in (
                *("starts", "ends", "period_start", "period_end", "deadline", "silence_end"),
            )
        ),
        sa.Column("opened", sa.BigInteger, nullable=False),
        sa.Column("opened_by", ID, nullable=False),
        sa.Column("checked", sa.BigInteger),
        sa.Column("checked_by", WORD, nullable=False),
        sa.Column("settled", sa.BigInteger),
        sa.Column("settled_by", WORD, nullable=False),
        sa.Column("ended", sa.BigInteger),
        sa.Column("ended_by", WORD, nullable=False),
        sa.Column("releases", sa.Integer, nullable=False),
        sa.Column("released", sa.BigInteger),
        sa.Column("digest", WORD, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "legal_document",
        sa.Column("instrument_id", ID, primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "legal_reach",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("instrument_id", ID, primary_key=True),
        sa.Column("state", WORD, nullable=False),
        sa.Column("record_id", ID),
        sa.Column("silence_id", ID),
        sa.Column("entry", sa.BigInteger),
        sa.Column("notice", WORD, nullable=False),
        sa.Column("notice_from", sa.BigInteger),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_index("legal_reach_notice", "legal_reach", ["notice", "notice_from"])
    op.create_index("legal_reach_instrument", "legal_reach", ["instrument_id"])
