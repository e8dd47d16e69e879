"""The tables of messages."""

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the tables; what each is for is told where the practice declares it."""
