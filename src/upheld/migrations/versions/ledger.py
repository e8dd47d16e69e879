"""The tables of the ledger: its tree, its checkpoints, the lease of the jobs."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables; what each is for is told in `upheld/core/tables.py`."""
