"""The tables of billing."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the tables; what each is for is told where the practice declares it."""
    op.create_table(
        "service_order",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("record_id", ID, primary_key=True),
        sa.Column("began", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger),
    )
    op.create_index("service_order_began", "service_order", ["began"])
    op.create_table(
        "invoice",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("month", WORD, primary_key=True),
        sa.Column("payer", ID, nullable=False),
        sa.Column("number", WORD, unique=True),
        sa.Column("due", sa.BigInteger),
        sa.Column("state", WORD, nullable=False),
    )
    op.create_index("invoice_payer", "invoice", ["payer", "state"])
    op.create_index("invoice_due", "invoice", ["state", "due"])
    op.create_table(
        "payment_intent",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("key", WORD, primary_key=True),
        sa.Column("state", WORD, nullable=False),
        sa.Column("record_id", ID, nullable=False),
        sa.Column("entry", sa.BigInteger, nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary),
    )
    op.create_index("payment_intent_state", "payment_intent", ["state", "made"])
    op.create_table(
        "debt",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("debt_id", ID, primary_key=True),
        sa.Column("task_id", ID, nullable=False),
        sa.Column("party", WORD, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("handed", sa.BigInteger, nullable=False),
        sa.Column("recalled", sa.BigInteger),
        sa.Column("confirmed", sa.BigInteger),
        sa.Column("entry", sa.BigInteger, nullable=False),
        sa.Column("item_id", ID, nullable=False),
    )
    op.create_index("debt_party", "debt", ["party", "state"])
    op.create_table(
        "sandbox_card",
        sa.Column("reference", WORD, primary_key=True),
        sa.Column("back", WORD, nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary),
    )
    op.create_table(
        "sandbox_charge",
        sa.Column("key", WORD, primary_key=True),
        sa.Column("reference", WORD, nullable=False),
        sa.Column("state", WORD, nullable=False),
    )
