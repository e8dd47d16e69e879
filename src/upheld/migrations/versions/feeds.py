"""What business partners know of customers: the files, and which values came from them."""

import sqlalchemy as sa
from alembic import op

revision = "0058"
down_revision = "0057"

ID = sa.String(32)
WORD = sa.String(255)
COUNTS = ("lines", "people", "unmatched", "nothing_new", "refused", "unreadable", "remain")


def upgrade() -> None:
    """Make the tables; what they are for is told where the practice declares them."""
    op.create_table(
        "feed",
        sa.Column("feed_id", ID, primary_key=True),
        sa.Column("party", WORD, nullable=False),
        sa.Column("digest", WORD, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("started", sa.BigInteger, nullable=False),
        sa.Column("started_by", ID, nullable=False),
        sa.Column("ended", sa.BigInteger),
        sa.Column("ended_by", ID, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in COUNTS),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_index("feed_file", "feed", ["party", "digest"], unique=True)
    op.create_table(
        "feed_value",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("party", WORD, primary_key=True),
        sa.Column("field", WORD, primary_key=True),
        sa.Column("feed_id", ID, nullable=False),
        sa.Column("mark", WORD, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_index("feed_value_feed", "feed_value", ["feed_id", "person_id"])
