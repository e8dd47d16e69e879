"""Invoices are found by who pays them, billed months by who used them; numbers are counted."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the tables, and bring over what stands in the table before."""
    op.drop_index("invoice_payer", "invoice")
    op.drop_index("invoice_due", "invoice")
    op.rename_table("invoice", "invoice_before")
    op.create_table(
        "invoice",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("number", WORD, primary_key=True),
        sa.Column("used_by", ID, nullable=False),
        sa.Column("month", WORD, nullable=False),
        sa.Column("due", sa.BigInteger, nullable=False),
        sa.Column("state", WORD, nullable=False),
    )
    op.create_table(
        "billed",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("month", WORD, primary_key=True),
        sa.Column("state", WORD, nullable=False),
    )
    op.create_table(
        "invoice_number",
        sa.Column("year", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("last", sa.BigInteger, nullable=False),
    )
    op.execute(
        """INSERT INTO invoice SELECT payer, number, person_id, month, due, state
        FROM invoice_before WHERE number IS NOT NULL AND payer <> ''"""
    )
    op.execute(
        """INSERT INTO billed SELECT person_id, month, CASE WHEN state IN ('none', 'refused')
        THEN state ELSE 'made' END FROM invoice_before"""
    )
    op.execute(
        """INSERT INTO invoice_number SELECT CAST(SUBSTR(number, 1, 4) AS INTEGER),
        MAX(CAST(SUBSTR(number, 6) AS BIGINT)) FROM invoice_before
        WHERE number IS NOT NULL GROUP BY CAST(SUBSTR(number, 1, 4) AS INTEGER)"""
    )
    op.drop_table("invoice_before")
    op.create_index("invoice_number_once", "invoice", ["number"], unique=True)
    op.create_index("invoice_used_by", "invoice", ["used_by"])
    op.create_index("invoice_due", "invoice", ["state", "due"])
