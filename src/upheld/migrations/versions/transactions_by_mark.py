"""Transactions with partners are found by what stands for their reference, and by whose they are.

A key of all three was the widest index of the three, and every row lay at another place of it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0079"
down_revision = "0078"
TABLE, NEW = "partner_transaction", "partner_transaction_by_mark"


def upgrade() -> None:
    """Let the mark be the key, and keep what finds somebody's rows apart from it."""
    op.drop_index("partner_transaction_once", TABLE)
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("partner_transaction_pkey", TABLE)
        op.create_primary_key("partner_transaction_pkey", TABLE, ["party", "mark"])
    else:
        _make_anew()
    op.create_index("partner_transaction_person", TABLE, ["person_id"])


def _make_anew() -> None:
    """SQLite changes no key: the rows go into a new table."""
    columns = (
        sa.Column("person_id", sa.String(32), nullable=False),
        sa.Column("party", sa.String(255), primary_key=True),
        sa.Column("mark", sa.String(255), primary_key=True),
        sa.Column("feed_id", sa.String(32), nullable=False),
        sa.Column("received", sa.String(255), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    names = ", ".join(each.name for each in columns)
    op.create_table(NEW, *columns)
    op.execute(f"INSERT INTO {NEW} ({names}) SELECT {names} FROM {TABLE} ORDER BY received")  # noqa: S608 - our own words
    op.drop_table(TABLE)
    op.rename_table(NEW, TABLE)
    op.create_index("partner_transaction_feed", TABLE, ["feed_id", "person_id"])
