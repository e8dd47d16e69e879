"""The tables of rights."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the tables; what each is for is told where the practice declares it."""
    op.create_table(
        "rights_request",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("request_id", ID, primary_key=True),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("about", WORD, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("due", sa.BigInteger),
        sa.Column("answered", sa.BigInteger),
        sa.Column("entry", sa.BigInteger),
        sa.Column("task_id", ID),
    )
    op.create_table(
        "signal",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("session", sa.LargeBinary, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
