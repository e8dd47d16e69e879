"""What companies that received something are asked to delete or correct, and their answers."""

import sqlalchemy as sa
from alembic import op

revision = "0060"
down_revision = "0059"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the table, which is told in `upheld/practice/tables.py`."""
    op.create_table(
        "recipient_request",
        sa.Column("request_id", ID, primary_key=True),
        sa.Column("party", WORD, nullable=False),
        sa.Column("role", WORD, nullable=False),
        sa.Column("what", WORD, nullable=False),
        sa.Column("why", WORD, nullable=False),
        sa.Column("name", WORD, nullable=False),
        sa.Column("reference", WORD, nullable=False),
        sa.Column("fields", sa.Text, nullable=False),
        sa.Column("entries", sa.Text, nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("token", WORD, nullable=False),
        sa.Column("asked", sa.BigInteger, nullable=False),
        sa.Column("due", sa.BigInteger, nullable=False),
        sa.Column("answered", sa.BigInteger),
        sa.Column("answered_by", WORD),
        sa.Column("mac", sa.LargeBinary),
    )
    for name, columns in (
        ("party", ["party", "answered"]),
        ("person", ["person_id"]),
        ("token", ["token"]),
        ("due", ["answered", "due"]),
    ):
        op.create_index(f"recipient_request_{name}", "recipient_request", columns)
