"""What was done about a task, by whom and when."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    """Make the table; of tasks from before, nobody noted what was done."""
    op.create_table(
        "task_step",
        sa.Column("person_id", sa.String(32), primary_key=True),
        sa.Column("task_id", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("step", sa.String(255), nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("detail", sa.String(255), nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
