"""The tables of the web kit: sessions, limits, links that work once."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the tables; what each is for is told in `upheld/web/tables.py`."""
    op.create_table(
        "session",
        sa.Column("id_hash", sa.LargeBinary, primary_key=True),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("subject", ID, nullable=False),
        sa.Column("begun", sa.BigInteger, nullable=False),
        sa.Column("seen", sa.BigInteger, nullable=False),
        sa.Column("fresh", sa.BigInteger, nullable=False),
    )
    op.create_index("session_subject", "session", ["kind", "subject"])
    op.create_table(
        "bucket",
        sa.Column("name_hash", sa.LargeBinary, primary_key=True),
        sa.Column("full_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "link",
        sa.Column("id_hash", sa.LargeBinary, primary_key=True),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("subject", ID, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
    )
    op.create_index("link_subject", "link", ["subject", "kind"])
