"""The tables of rights."""

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the tables; what each is for is told where the practice declares it."""
