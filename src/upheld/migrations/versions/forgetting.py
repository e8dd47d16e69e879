"""The tables of erasures and backups."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ID = sa.String(32)
WORD = sa.String(255)
NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables; what each is for is told in `upheld/database/tables.py`."""
    op.create_table(
        "erasure",
        sa.Column("token", ID, primary_key=True),
        sa.Column("entry", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("person_id", ID),
        sa.Column("state", WORD, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_index("erasure_state", "erasure", ["state", "token"])
    op.create_table(
        "severed",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("people", sa.Integer, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "backup",
        sa.Column("backup_id", ID, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("state", WORD, nullable=False),
    )
    op.create_table(
        "restored",
        sa.Column("first", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("previous", sa.Text, nullable=False),
    )
