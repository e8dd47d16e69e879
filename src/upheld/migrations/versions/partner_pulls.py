"""Programs of partners, which ask for what an agreement covers, and how far each pull has come."""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0050"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the tables; what they are for is told where the practice declares them."""
    op.create_table(
        "partner_client",
        sa.Column("client_id", ID, primary_key=True),
        sa.Column("party", WORD, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("added", sa.BigInteger, nullable=False),
        sa.Column("added_by", WORD, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "partner_pull",
        sa.Column("pull_id", ID, primary_key=True),
        sa.Column("party", WORD, nullable=False),
        sa.Column("purpose", WORD, nullable=False),
        sa.Column("fields", sa.Text, nullable=False),
        sa.Column("page", sa.Integer, nullable=False),
        sa.Column("last", WORD, nullable=False),
        sa.Column("delivery_id", ID, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("started", sa.BigInteger, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
