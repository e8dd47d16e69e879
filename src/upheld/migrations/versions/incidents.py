"""Incidents, whom each of them touched, and what was done about it."""

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0051"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the tables; what they are for is told where the practice declares them."""
    op.create_table(
        "incident",
        sa.Column("incident_id", ID, primary_key=True),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("subject", WORD, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("discovery", sa.BigInteger, nullable=False),
        sa.Column("opened", sa.BigInteger, nullable=False),
        sa.Column("opened_by", ID, nullable=False),
        sa.Column("drafted_by", WORD, nullable=False),
        sa.Column("approved_by", WORD, nullable=False),
        sa.Column("approved", sa.BigInteger),
        sa.Column("closed", sa.BigInteger),
        sa.Column("people", sa.BigInteger, nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
        sa.Column("notice", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_index("incident_state", "incident", ["state"])
    op.create_table(
        "incident_person",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("incident_id", ID, primary_key=True),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("record_id", ID, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("due", sa.BigInteger),
        sa.Column("notified", sa.BigInteger),
        sa.Column("mac", sa.LargeBinary),
        sqlite_with_rowid=False,
    )
    op.create_index("incident_person_state", "incident_person", ["incident_id", "state"])
    op.create_table(
        "incident_step",
        sa.Column("incident_id", ID, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("step", WORD, nullable=False),
        sa.Column("staff_id", WORD, nullable=False),
        sa.Column("note", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
