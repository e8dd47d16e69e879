"""What leaves the house is a delivery, with an item for each person; and companies' public keys."""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the tables; what they are for is told where they are declared."""
    op.create_table(
        "party_key",
        sa.Column("party", WORD, primary_key=True),
        sa.Column("key", WORD, nullable=False),
        sa.Column("added", sa.BigInteger, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "delivery",
        sa.Column("delivery_id", ID, primary_key=True),
        sa.Column("party", WORD, nullable=False),
        sa.Column("recipient", WORD, nullable=False),
        sa.Column("purpose", WORD, nullable=False),
        sa.Column("occasion", WORD, nullable=False),
        sa.Column("fields", sa.Text, nullable=False),
        sa.Column("reference", WORD, nullable=False),
        sa.Column("clauses", sa.Text, nullable=False),
        sa.Column("channel", WORD, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("handed", sa.BigInteger),
        sa.Column("ended", sa.BigInteger),
        sa.Column("digest", WORD, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_index("delivery_state", "delivery", ["state", "created_at"])
    op.create_index("delivery_reference", "delivery", ["reference"])
    op.create_table(
        "delivery_item",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("delivery_id", ID, primary_key=True),
        sa.Column("name", WORD, nullable=False),
        sa.Column("entry", sa.BigInteger, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("handed", sa.BigInteger),
        sa.Column("ended", sa.BigInteger),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_index("delivery_item_state", "delivery_item", ["delivery_id", "state"])
