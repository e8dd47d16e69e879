"""What a record is about stands in an index on SQLite, so that others are never read."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """PostgreSQL's indexes take no text of any length, and it reads its rows quickly."""
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index("record_of_kind", "record")
        op.create_index("record_about", "record", ["kind", "party", "dims"])
