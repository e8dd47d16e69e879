"""What drafts of a version would have decided otherwise about real acts, in numbers."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    """Make the table of drafts in the shadow of real acts."""
    op.create_table(
        "version_shadow",
        sa.Column("draft_id", sa.String(32), primary_key=True),
        sa.Column("state", sa.String(255), nullable=False),
        sa.Column("started", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("last_entry", sa.BigInteger, nullable=False),
        sa.Column("acts", sa.BigInteger, nullable=False),
        sa.Column("otherwise", sa.BigInteger, nullable=False),
        sa.Column("changes", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
