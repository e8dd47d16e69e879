"""The tables of the first people: sessions, sign-ins, tasks, messages to be sent."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables; what each is for is told in `upheld/core/tables.py`."""
