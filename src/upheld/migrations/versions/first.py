"""The first tables: people, their keys and values, records that prove, entries and items."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.String(32)
WORD = sa.String(255)
NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables; what each is for is told in `upheld/database/tables.py`."""
    _people()
    _values()
    _records()
    _entries()


def _people() -> None:
    op.create_table(
        "person",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("state", WORD, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("holdings", sa.LargeBinary),
    )
    op.create_table(
        "epoch",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("mark", sa.LargeBinary, nullable=False),
        sa.Column("closed", sa.Boolean, nullable=False),
    )
    op.create_table(
        "person_key",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_person_key_epoch", "person_key", ["epoch"])


def _values() -> None:
    op.create_table(
        "value",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("field", WORD, primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("origin", WORD, nullable=False),
        sa.Column("occasion", WORD, nullable=False),
        sa.Column("clause", WORD, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("public_source", WORD),
        sa.Column("current", sa.Boolean, nullable=False),
    )
    op.create_table(
        "blind_index",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("field", WORD, primary_key=True),
        sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("token", sa.LargeBinary, nullable=False),
    )
    op.create_index("blind_index_token", "blind_index", ["field", "token"])


def _records() -> None:
    op.create_table(
        "record",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("record_id", ID, primary_key=True),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("party", WORD, nullable=False),
        sa.Column("dims", sa.Text, nullable=False),
        sa.Column("begins", sa.BigInteger, nullable=False),
        sa.Column("ends", sa.BigInteger),
        sa.Column("withdrawn", sa.BigInteger),
        sa.Column("by_whom", WORD, nullable=False),
        sa.Column("how", WORD, nullable=False),
        sa.Column("text_digest", WORD, nullable=False),
        sa.Column("body", sa.LargeBinary),
        sa.Column("mac", sa.LargeBinary, nullable=False),
    )
    op.create_index("record_kind", "record", ["person_id", "kind", "party"])


def _entries() -> None:
    op.create_table(
        "entry",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("person_id", ID),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("leaf", sa.LargeBinary, nullable=False),
    )
    op.create_index("entry_whose", "entry", ["person_id", "number"])
    op.create_table(
        "entry_person",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    )
    op.create_table(
        "item",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("item_id", ID, primary_key=True),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("clause", WORD, nullable=False),
        sa.Column("due", sa.BigInteger),
        sa.Column("state", WORD, nullable=False),
        sa.Column("entry", sa.BigInteger),
    )
    op.create_index("item_due", "item", ["state", "due"])
