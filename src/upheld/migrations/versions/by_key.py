"""On SQLite the key of what is read at every act leads to the row itself, not to its place."""

from alembic import op

revision = "0012"
down_revision = "0011"

TABLES = ("person", "person_key", "value", "blind_index", "entry_person")


def upgrade() -> None:
    """Make the tables anew; PostgreSQL's are as they were."""
    if op.get_bind().dialect.name == "sqlite":
        for name in TABLES:
            by_key = {"sqlite_with_rowid": False}
            with op.batch_alter_table(name, recreate="always", table_kwargs=by_key):
                pass
