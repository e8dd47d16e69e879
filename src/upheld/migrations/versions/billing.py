"""The tables of billing."""

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables; what each is for is told where the practice declares it."""
