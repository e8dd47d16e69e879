"""Programmes that customers join by choice, and who did."""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the tables; what they are for is told where the practice declares them."""
    op.create_table(
        "programme",
        sa.Column("programme_id", ID, primary_key=True),
        sa.Column("title", WORD, nullable=False),
        sa.Column("party", WORD, nullable=False),
        sa.Column("fields", sa.Text, nullable=False),
        sa.Column("purpose", WORD, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("begins", sa.BigInteger, nullable=False),
        sa.Column("ends", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("made_by", WORD, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "programme_member",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("programme_id", ID, primary_key=True),
        sa.Column("request_id", ID, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("record_id", WORD, nullable=False),
        sa.Column("warned", WORD, nullable=False),
        sa.Column("by_whom", WORD, nullable=False),
        sa.Column("delivery_id", ID),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_index(
        "programme_member_state", "programme_member", ["programme_id", "state", "person_id"]
    )
    op.create_index("programme_member_request", "programme_member", ["request_id"])
