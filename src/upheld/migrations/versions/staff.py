"""The tables of staff."""

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the tables; what each is for is told where the practice declares it."""
