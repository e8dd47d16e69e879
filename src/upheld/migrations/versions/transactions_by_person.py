"""Transactions with partners lie by whose they are: a customer's new row is beside their others.

By their marks alone each lay at another place, so that a row wrote a page of each index anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0082"
down_revision = "0081"
TABLE, NEW = "partner_transaction", "partner_transaction_by_person"
FORMER = sa.text("length(mark) = 64")


def upgrade() -> None:
    """Let whose a row is and its mark be the key; what is in the rows stays as it is."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index("partner_transaction_feed", TABLE)
        op.drop_index("partner_transaction_person", TABLE)
        op.drop_constraint("partner_transaction_pkey", TABLE)
        op.create_primary_key("partner_transaction_pkey", TABLE, ["person_id", "mark"])
    else:
        _make_anew()
    op.create_index("partner_transaction_feed", TABLE, ["feed_id"])
    op.create_index(
        "partner_transaction_former",
        TABLE,
        ["party"],
        sqlite_where=FORMER,
        postgresql_where=FORMER,
    )


def _make_anew() -> None:
    """SQLite changes no key: the rows go into a new table, those of a customer together.

    They are read by an index, since to sort them would need as much memory as there are rows.
    """
    columns = (
        sa.Column("person_id", sa.String(32), primary_key=True),
        sa.Column("party", sa.String(255), nullable=False),
        sa.Column("mark", sa.String(255), primary_key=True),
        sa.Column("feed_id", sa.String(32), nullable=False),
        sa.Column("received", sa.String(255), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    names = ", ".join(each.name for each in columns)
    op.create_table(NEW, *columns)
    by_person = f"{TABLE} INDEXED BY partner_transaction_person ORDER BY person_id"
    op.execute(f"INSERT INTO {NEW} ({names}) SELECT {names} FROM {by_person}")  # noqa: S608 - our own words
    op.drop_table(TABLE)
    op.rename_table(NEW, TABLE)
