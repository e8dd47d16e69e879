"""Accounts of a closing are found in the order of their people, however many there are."""

from alembic import op

revision = "0077"
down_revision = "0076"


def upgrade() -> None:
    """Let each index say the order, too: without it every lot sorted all that waits."""
    for name, table, columns in (
        ("takeover_account_state", "takeover_account", ["closing_id", "state", "person_id"]),
        ("takeover_account_notice", "takeover_account", ["closing_id", "notice", "person_id"]),
        ("takeover_parcel_closing", "takeover_parcel", ["closing_id", "person_id"]),
    ):
        op.drop_index(name, table)
        op.create_index(name, table, columns)
