"""The tables of guardians."""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables; what each is for is told where the practice declares it."""
