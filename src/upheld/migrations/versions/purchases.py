"""What a minor orders waits for their guardian's yes, who can set a limit a month."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the tables; what each is for is told where the practice declares it."""
    op.create_table(
        "purchase_request",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("request_id", ID, primary_key=True),
        sa.Column("state", WORD, nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "spending_limit",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("cents", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
