"""Invoices of advertisers, extracts under pseudonyms, and articles for customers."""

import sqlalchemy as sa
from alembic import op

revision = "0071"
down_revision = "0070"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the tables; what they are for is told where the practices declare them."""
    op.create_table(
        "ad_invoice",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("party", WORD, nullable=False),
        sa.Column("month", WORD, nullable=False),
        sa.Column("corrects", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("lines", sa.Text, nullable=False),
        sa.Column("statement", sa.Text, nullable=False),
        sa.Column("issued_at", sa.BigInteger, nullable=False),
        sa.Column("issued_by", WORD, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "extract",
        sa.Column("extract_id", ID, primary_key=True),
        sa.Column("purpose", WORD, nullable=False),
        sa.Column("columns", sa.Text, nullable=False),
        sa.Column("month", WORD, nullable=False),
        sa.Column("months", sa.Integer, nullable=False),
        sa.Column("one_in", sa.Integer, nullable=False),
        sa.Column("days", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("asked_by", ID, nullable=False),
        sa.Column("decided_by", ID, nullable=False),
        sa.Column("ends_at", sa.BigInteger),
        sa.Column("key", sa.LargeBinary),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "extract_person",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("extract_id", ID, primary_key=True),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "article",
        sa.Column("article_id", ID, primary_key=True),
        sa.Column("title", WORD, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("criteria", sa.Text, nullable=False),
        sa.Column("written_at", sa.BigInteger, nullable=False),
        sa.Column("written_by", WORD, nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger),
        sa.Column("mac", sa.LargeBinary),
    )
