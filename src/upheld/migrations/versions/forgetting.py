"""The tables of erasures and backups."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables; what each is for is told in `upheld/core/tables.py`."""
