"""The tables of guardians."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the tables; what each is for is told where the practice declares it."""
    op.create_table(
        "care",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("guardian_id", ID, nullable=False),
        sa.Column("begun", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger),
    )
    op.create_index("care_guardian", "care", ["guardian_id"])
    op.create_index("care_ended", "care", ["ended"])
    op.create_table(
        "identity_check",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("how", WORD, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
