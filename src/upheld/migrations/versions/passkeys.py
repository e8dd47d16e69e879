"""Passkeys of customers and of those who work at desks."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Make the table; what it is for is told where it is declared."""
    op.create_table(
        "passkey",
        sa.Column("subject", sa.String(32), primary_key=True),
        sa.Column("credential_hash", sa.LargeBinary, primary_key=True),
        sa.Column("kind", sa.String(255), nullable=False),
        sa.Column("credential", sa.LargeBinary, nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("uses", sa.BigInteger, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
        sa.Column("used", sa.BigInteger),
    )
    op.create_index("passkey_credential", "passkey", ["credential_hash"], unique=True)
