"""Columns that say when something started are named alike; their places and contents stay."""

from alembic import op

revision = "0033"
down_revision = "0032"

RENAMED = (
    ("record", "begins", "valid_from"),
    ("session", "begun", "started_at"),
    ("care", "begun", "started_at"),
    ("look", "begun", "started_at"),
)


def upgrade() -> None:
    """Rename the columns: a row's MAC covers what is in them, in order, and not their names."""
    for table, before, after in RENAMED:
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {before} TO {after}")
