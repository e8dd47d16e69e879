"""What managers ask for waits for a second person."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the table; what it is for is told where it is declared."""
    op.create_table(
        "desk_request",
        sa.Column("request_id", ID, primary_key=True),
        sa.Column("user_id", ID, nullable=False, unique=True),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("roles", WORD, nullable=False),
        sa.Column("asked_by", ID, nullable=False),
        sa.Column("asked", sa.BigInteger, nullable=False),
    )
