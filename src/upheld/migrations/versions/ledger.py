"""The tables of the ledger: logs, tiles and checkpoints, the jobs' lease, closed items."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

WORD = sa.String(255)
NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables; what each is for is told in `upheld/database/tables.py`."""
    op.create_table(
        "log_name",
        sa.Column("first", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("origin", WORD, nullable=False, unique=True),
        sa.Column("public_key", WORD, nullable=False),
    )
    op.create_table(
        "tile",
        sa.Column("log", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("place", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hashes", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "checkpoint",
        sa.Column("log", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("note", sa.Text),
    )
    op.create_table(
        "lease",
        sa.Column("name", WORD, primary_key=True),
        sa.Column("holder", WORD, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
    )
    op.add_column("item", sa.Column("action", WORD, nullable=False, server_default=""))
    op.add_column("item", sa.Column("basis", WORD, nullable=False, server_default=""))
    op.add_column("item", sa.Column("closed", sa.BigInteger))
    op.create_index("item_basis", "item", ["basis"])
    op.create_index("record_of_kind", "record", ["kind", "party"])
