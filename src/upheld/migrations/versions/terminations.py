"""A named member of staff decides to end somebody's services, and another decision undoes that."""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the table; what it is for is told where the practice declares it."""
    op.create_table(
        "termination",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("termination_id", ID, primary_key=True),
        sa.Column("state", WORD, nullable=False),
        sa.Column("starts", sa.BigInteger, nullable=False),
        sa.Column("decided", sa.BigInteger, nullable=False),
        sa.Column("decided_by", ID, nullable=False),
        sa.Column("record_id", ID, nullable=False),
        sa.Column("settled", sa.BigInteger),
        sa.Column("undone_by", WORD, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_index("termination_state", "termination", ["state", "starts"])
