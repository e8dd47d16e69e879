"""What of a delivery an entry let out is found by the entry."""

from alembic import op

revision = "0054"
down_revision = "0053"


def upgrade() -> None:
    """Make the index, by which an accounting finds what still waits."""
    op.create_index("delivery_item_entry", "delivery_item", ["entry"])
